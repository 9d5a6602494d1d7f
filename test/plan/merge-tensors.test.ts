// Merged tensors: the same maps, the same numbers of coefficients, in fewer arrays.

import { numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { mergeAtoms, separateAtoms } from "../../src/layers/pack.ts";
import { mergeTensors } from "../../src/plan/merge-tensors.ts";
import { planLowered } from "../../src/plan/plan-spec.ts";
import { shareCoefficients } from "../../src/plan/sharing.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { publishedGRUSpec } from "../support/published-specs.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { randomSpec } from "../../src/testing/random.ts";

const coefficients = (lowered: Parameters<typeof planLowered>[0]) =>
  planLowered(lowered).schedule.widths.reduce((sum, { input, output }) => sum + input * output, 0);

test("a merged spec has as many coefficients as its members, on random specs", () => {
  let fewer = 0;
  for (let seed = 0; seed < 100; seed++) {
    const lowered = lowerSpec(randomSpec(seed));
    const merged = mergeTensors(lowered);
    expect(coefficients(merged), `seed ${seed}`).toBe(coefficients(lowered));
    if (merged.tensors.length < lowered.tensors.length) fewer++;
  }
  expect(fewer).toBeGreaterThan(30);
});

test("the 22 tensors of the adding GRU become 5", () => {
  const lowered = lowerSpec(publishedGRUSpec(), { fixedAxes: "permute" });
  expect(lowered.tensors).toHaveLength(22);
  expect(mergeTensors(lowered).members.map((list) => list.length)).toEqual([6, 8, 6, 1, 1]);
});

test("shared coefficients are shared between the same pairs, merged or not", () => {
  const layers = mlpSpec([6, 5, 5, 5, 5, 4], { ends: "permutation" });
  for (const spec of [layers, publishedGRUSpec({ hidden: 4, symbols: 3 })]) {
    const lowered = lowerSpec(spec);
    const merged = mergeTensors(lowered);
    const count = (each: typeof lowered) => {
      const { plan } = planLowered(each);
      return shareCoefficients(each, plan).count;
    };
    expect(count(merged)).toBe(count(lowered));
  }
});

beforeAll(() => startEngine());

test("arrays merge and separate to the same arrays", async () => {
  const merged = mergeTensors(lowerSpec(publishedGRUSpec({ hidden: 4, symbols: 3 })));
  const members = merged.members.flat().toSorted((a, b) => a.id - b.id);
  const shapes = members.map(({ dims, fixedSize }) => [
    2,
    ...dims.map(({ axis }) => merged.axes[axis].size),
    2 * fixedSize,
  ]);
  const values = shapes.map((shape, at) =>
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => 1000 * at + i),
  );
  const atoms = values.map((data, i) => np.array(data).reshape(shapes[i]));
  const back = separateAtoms(merged, mergeAtoms(merged, atoms), 2);
  for (const [i, array] of back.entries()) {
    expect(array.shape).toEqual(shapes[i]);
    expect(await array.data()).toEqual(values[i]);
  }
});
