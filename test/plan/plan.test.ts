// Plans as printable data, and the link between their products and the enumerated terms.

import { describe, expect, test } from "vitest";
import { enumerateTerms } from "../../src/basis/terms.ts";
import { compilePlan } from "../../src/plan/compile.ts";
import { printPlan } from "../../src/plan/print.ts";
import { schedulePlan } from "../../src/plan/schedule.ts";
import { shareCoefficients } from "../../src/plan/sharing.ts";
import { plannedTerms } from "../../src/plan/terms.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { randomSpec } from "../../src/testing/random.ts";
import { shorthand } from "../support/specs.ts";

describe("plans", () => {
  test("print as one line per product, with features and targets on request", () => {
    const lowered = lowerSpec(shorthand([[0, 0], [0]], 3));
    expect(printPlan(lowered, compilePlan(lowered), { details: true })).toMatchInlineSnapshot(`
      "27 terms in 3 products
      n0 x n0 (9 rows): 2 features -> 1 targets, 2 terms
        from t0[a b], t0[b a]
        to   t0[a b]
      n0 (3 rows): 4 features -> 4 targets, 16 terms
        from t0[a a], t0[. a], t0[a .], t1[a]
        to   t0[a a], t0[. a], t0[a .], t1[a]
      scalars (1 rows): 3 features -> 3 targets, 9 terms
        from t0[.0 .0], t0[. .], t1[.]
        to   t0[.0 .0], t0[. .], t1[.]"
    `);
  });

  test("every pair of a feature and a target is one enumerated term, on random specs", () => {
    for (let seed = 0; seed < 100; seed++) {
      const lowered = lowerSpec(randomSpec(seed, { maxTerms: 300 }));
      const name = (t: { output: number; input: number; labels: readonly number[] }) =>
        `${t.output}<${t.input}:${t.labels.join(".")}`;
      const planned = plannedTerms(lowered, compilePlan(lowered)).map(name);
      const listed = lowered.tensors.flatMap((l) =>
        lowered.tensors.flatMap((m) => enumerateTerms(lowered, l.id, m.id).map(name)),
      );
      expect([seed, planned.toSorted()]).toEqual([seed, listed.toSorted()]);
    }
  });

  test("schedules read every reduction from the smallest array that will do, once", () => {
    const lowered = lowerSpec(shorthand([[0, 1]], { 0: 2, 1: 50 }));
    const { steps } = schedulePlan(lowered, compilePlan(lowered));
    expect(steps).toEqual([
      { kind: "input", tensor: 0 },
      { kind: "reduce", from: 0, dim: 0 },
      { kind: "reduce", from: 0, dim: 1 },
      { kind: "reduce", from: 2, dim: 0 },
    ]);
  });

  test("plans survive JSON: they are plain data", () => {
    const lowered = lowerSpec(randomSpec(3));
    const plan = compilePlan(lowered);
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });

  test("sharing tells the slices of a fused tensor apart, and ties the same slices of different layers", () => {
    const axes = Object.fromEntries(
      ["d", "a0", "a1"].map((name) => [name, { size: 2, group: "permutation" as const }]),
    );
    const fused = (a: string) => [`${a} + ${a}`];
    const lowered = lowerSpec(
      defineSpec({ axes, tensors: { "layers.0.qk": fused("a0"), "layers.1.qk": fused("a1") } }),
    );
    const plan = compilePlan(lowered);
    const { indices } = shareCoefficients(lowered, plan);
    const scalars = plan.products.findIndex(({ slots }) => slots.length === 0);
    const order = plan.products[scalars].features.map(({ tensor }) => lowered.tensors[tensor].name);
    const block = (from: string, to: string) =>
      indices[scalars][order.indexOf(from) * order.length + order.indexOf(to)];
    expect(block("layers.0.qk[0]", "layers.0.qk[1]")).toBe(
      block("layers.1.qk[0]", "layers.1.qk[1]"),
    );
    expect(block("layers.0.qk[0]", "layers.0.qk[0]")).not.toBe(
      block("layers.0.qk[1]", "layers.0.qk[1]"),
    );
    expect(block("layers.0.qk[0]", "layers.0.qk[1]")).not.toBe(
      block("layers.0.qk[1]", "layers.0.qk[0]"),
    );
  });
});
