// Rank correlation and its companions against definitions and against known values.

import fc from "fast-check";
import { expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { kendallTau } from "../../src/train/measures/kendall-tau.ts";
import { meanAndStd, rSquared } from "../../src/train/measures/metrics.ts";

/** The definition, pair by pair. */
function tauByPairs(a: readonly number[], b: readonly number[]): number {
  let [concordant, discordant, untiedA, untiedB] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      const [x, y] = [Math.sign(a[i] - a[j]), Math.sign(b[i] - b[j])];
      if (x * y > 0) concordant++;
      if (x * y < 0) discordant++;
      if (x !== 0) untiedA++;
      if (y !== 0) untiedB++;
    }
  }
  return (concordant - discordant) / Math.sqrt(untiedA * untiedB);
}

const lists = (values: fc.Arbitrary<number>) =>
  fc
    .array(fc.tuple(values, values), { minLength: 2, maxLength: 40 })
    .map((rows) => [rows.map(([x]) => x), rows.map(([, y]) => y)] as const);
const fewValues = lists(fc.integer({ min: 0, max: 5 }));
const manyValues = lists(fc.double({ noNaN: true, noDefaultInfinity: true }));

test("Kendall's tau equals its definition pair by pair, with few ties and with many", () => {
  for (const pairsOfLists of [fewValues, manyValues]) {
    fc.assert(
      fc.property(pairsOfLists, ([a, b]) => {
        const expected = tauByPairs(a, b);
        const tau = kendallTau(a, b);
        if (Number.isNaN(expected)) expect(tau).toBeNaN();
        else expect(tau).toBeCloseTo(expected, 12);
      }),
      { seed: 1, numRuns: 500 },
    );
  }
});

test("Kendall's tau equals the values of scipy.stats.kendalltau (1.17.1)", () => {
  expect(kendallTau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])).toBeCloseTo(-0.4714045207910316, 15);
  expect(kendallTau([1, 2, 3, 4, 5], [3, 1, 2, 5, 4])).toBeCloseTo(0.4, 15);
  expect(kendallTau([1, 1, 2, 2, 3, 3], [1, 2, 2, 3, 3, 3])).toBeCloseTo(0.7833494518006403, 15);
  expect(kendallTau([0.5, 0.1, 0.9, 0.9], [2, 2, 7, -1])).toBeCloseTo(0, 15);
});

test("Kendall's tau is symmetric, odd under reversal, and blind to increasing maps and to order", () => {
  fc.assert(
    fc.property(fewValues, fc.integer(), ([a, b], seed) => {
      const tau = kendallTau(a, b);
      const order = randomStream(seed).permutation(a.length);
      const variants = [
        kendallTau(b, a),
        -kendallTau(
          a,
          b.map((value) => -value),
        ),
        kendallTau(
          a.map((value) => Math.exp(value)),
          b,
        ),
        kendallTau(
          order.map((i) => a[i]),
          order.map((i) => b[i]),
        ),
      ];
      for (const variant of variants) {
        if (Number.isNaN(tau)) expect(variant).toBeNaN();
        else expect(variant).toBeCloseTo(tau, 12);
      }
    }),
    { seed: 2 },
  );
});

test("a decreasing map changes tau (negative control)", () => {
  expect(kendallTau([1, 2, 3], [1, 2, 3])).toBe(1);
  expect(
    kendallTau(
      [1, 2, 3].map((value) => -value),
      [1, 2, 3],
    ),
  ).toBe(-1);
});

test("Kendall's tau is undefined for constants, single values and NaN, and refuses unequal lengths", () => {
  expect(kendallTau([1, 1, 1], [1, 2, 3])).toBeNaN();
  expect(kendallTau([1], [2])).toBeNaN();
  expect(kendallTau([], [])).toBeNaN();
  expect(kendallTau([1, Number.NaN], [1, 2])).toBeNaN();
  expect(() => kendallTau([1, 2], [1])).toThrow("got 2 and 1");
});

test("100,000 pairs take no quadratic time", () => {
  const stream = randomStream(3);
  const a = Float32Array.from({ length: 100_000 }, () => stream.uniform());
  const b = a.map((value) => value + 0.1 * stream.normal());
  const tau = kendallTau(a, b);
  expect(tau).toBeGreaterThan(0.7);
  expect(tau).toBeLessThan(0.85);
});

test("R squared is 1 for the truth, 0 for its mean, negative for worse, undefined for a constant", () => {
  const actual = [1, 2, 3, 6];
  expect(rSquared(actual, actual)).toBe(1);
  expect(rSquared([3, 3, 3, 3], actual)).toBe(0);
  expect(rSquared([6, 3, 2, 1], actual)).toBeLessThan(0);
  expect(rSquared([1, 2], [5, 5])).toBeNaN();
});

test("mean and std use the sample standard deviation", () => {
  expect(meanAndStd([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({
    mean: 5,
    std: Math.sqrt(32 / 7),
    count: 8,
  });
  expect(meanAndStd([3])).toEqual({ mean: 3, std: Number.NaN, count: 1 });
});
