// The public checkers themselves: they notice NaN, missing and surplus results.

import { describe, expect, test } from "vitest";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import {
  assertEquivariant,
  assertInvariant,
  equivarianceError,
  invarianceError,
} from "../../src/testing/equivariance.ts";

const spec = mlpSpec([2, 3, 2]);

describe("checkers", () => {
  test("the identity is equivariant, a sum of all weights invariant", async () => {
    await assertEquivariant(spec, (weights) => weights);
    await assertInvariant(
      spec,
      (weights) => [
        Object.values(weights).reduce(
          (sum, { data }) => sum + Array.from(data).reduce((a, b) => a + b, 0),
          0,
        ),
      ],
      { tolerance: 1e-5 },
    );
  });
  test("NaN anywhere is an error, in any place", async () => {
    expect(await invarianceError(spec, () => [Number.NaN, 1])).toBeNaN();
    expect(await invarianceError(spec, () => [1, Number.NaN])).toBeNaN();
    await expect(assertInvariant(spec, () => [Number.NaN, 1])).rejects.toThrow("NaN");
  });
  test("tensors that come and go are an error", async () => {
    let calls = 0;
    const forgetful = (weights: Parameters<Parameters<typeof equivarianceError>[1]>[0]) =>
      calls++ === 0 ? {} : weights;
    expect(await equivarianceError(spec, forgetful)).toBe(Number.POSITIVE_INFINITY);
  });
  test("a map that reads positions is caught", async () => {
    const element = { h1: { permutations: [[1, 2, 0]] } };
    const first = assertInvariant(spec, (weights) => [weights["fc1.bias"].data[0]], { element });
    await expect(first).rejects.toThrow(/relative error/);
  });
});
