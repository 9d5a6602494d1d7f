// Kinds of terms: every coefficient of every spec has one, and what they weigh does not grow with depth or width.

import { numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { equivariantOutput } from "../../src/optimizers/outputs/equivariant-output.ts";
import { kindPlaces, termKinds } from "../../src/optimizers/outputs/term-kinds.ts";
import { tensorLayout } from "../../src/optimizers/tensor-layout.ts";
import { planLowered } from "../../src/plan/plan-spec.ts";
import { plannedTerms } from "../../src/plan/terms.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { randomSpec } from "../../src/testing/random.ts";
import { publishedGRUSpec, publishedTransformerSpec } from "../support/published-specs.ts";

beforeAll(() => startEngine());

const planOf = (spec: SymmetrySpec) => planLowered(lowerSpec(spec, { fixedAxes: "permute" }));

/** Kinds of the terms between two tensors, by name. */
function kindsBetween(spec: SymmetrySpec, target: string, source: string): string[] {
  const executable = planOf(spec);
  const { indices } = kindPlaces(executable);
  const { tensors } = executable.lowered;
  return plannedTerms(executable.lowered, executable.plan)
    .filter(
      ({ output, input }) => tensors[output].name === target && tensors[input].name === source,
    )
    .map(({ product, row, column }) => {
      const { output } = executable.schedule.widths[product];
      return termKinds[indices[product][row * output + column]];
    })
    .toSorted();
}

describe("kinds", () => {
  const spec = mlpSpec([5, 4, 3], { ends: "permutation" });
  const [w1, b1, w2] = Object.keys(spec.tensors);
  test("of a matrix to itself: entry, row, column, all", () => {
    expect(kindsBetween(spec, w1, w1)).toEqual([
      "2 own all plain same",
      "2 own first plain same",
      "2 own last plain same",
      "2 own none plain same",
    ]);
  });
  test("from a bias and from the next layer: along the shared axis or not at all", () => {
    expect(kindsBetween(spec, w1, b1)).toEqual([
      "2 neighbour first plain lower",
      "2 neighbour none plain lower",
    ]);
    expect(kindsBetween(spec, b1, w2)).toEqual([
      "1 neighbour all plain higher",
      "1 neighbour none plain higher",
    ]);
    expect(kindsBetween(spec, w1, Object.keys(spec.tensors)[3])).toEqual(["2 stranger"]);
  });
  test("a square matrix has its diagonal and its transpose apart", () => {
    const kinds = kindsBetween(publishedGRUSpec(), "encoder/hn/kernel", "encoder/hn/kernel");
    expect(kinds).toHaveLength(15);
    expect(kinds.filter((kind) => kind === "2 own all plain same")).toHaveLength(1);
    expect(kinds.filter((kind) => kind.includes("diagonal")).length).toBeGreaterThan(5);
  });
  test("names are different, and every coefficient of random specs has one; shares of a kind add up to 1", () => {
    expect(new Set(termKinds).size).toBe(termKinds.length);
    const specs = [publishedTransformerSpec("split"), publishedGRUSpec()];
    for (let seed = 0; seed < 30; seed++) specs.push(randomSpec(seed));
    for (const own of specs) {
      const executable = planOf(own);
      const { indices, shares } = kindPlaces(executable);
      const sums = new Map<string, number>();
      const { plan, schedule } = executable;
      for (const [p, { targets }] of plan.products.entries()) {
        const places = targets.flatMap(({ tensor }) =>
          Array.from(
            { length: executable.lowered.tensors[tensor].fixedSize },
            (_, i) => `${tensor}.${i}`,
          ),
        );
        const { output } = schedule.widths[p];
        for (const [i, kind] of indices[p].entries()) {
          expect(kind).toBeGreaterThanOrEqual(0);
          const key = `${kind}|${places[i % output]}`;
          sums.set(key, (sums.get(key) ?? 0) + shares[p][i]);
        }
      }
      for (const sum of sums.values()) expect(sum).toBeCloseTo(1, 4);
    }
  });
});

test("with the same features everywhere, a middle layer's output is that of any deeper and wider network", async () => {
  const channels = 4;
  const middle = async (widths: readonly number[], coefficients: "kinds" | "terms") => {
    const spec = mlpSpec(widths, { ends: "permutation" });
    const layout = tensorLayout(spec);
    const layer = equivariantOutput(spec, layout, { channels, coefficients });
    const theta = Object.fromEntries(
      Object.entries(layer.initialTheta(3)).map(([name, { shape, data }]) => [
        name,
        np.array(Float32Array.from(data), { shape: [1, ...shape] }),
      ]),
    );
    const prepared = layer.prepare(theta);
    const output = layer.apply(prepared, np.ones([1, layout.total, channels]));
    const { start } = layout.tensors[4]; // the third layer's weights
    return (await output.data())[start];
  };
  const [small, large] = [
    [6, 5, 4, 3, 2],
    [9, 8, 9, 8, 7, 6, 5],
  ];
  const found = await middle(small, "kinds");
  expect(Math.abs(found)).toBeGreaterThan(0.01);
  expect(await middle(large, "kinds")).toBeCloseTo(found, 5);
  const own = await middle(small, "terms"); // control: a coefficient for each term
  expect(Math.abs((await middle(large, "terms")) - own)).toBeGreaterThan(1e-3);
});
