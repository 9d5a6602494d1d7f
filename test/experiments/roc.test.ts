// The ROC curve and the area under it: two ways to the same number, and by hand.

import { expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { areaUnderRoc, rocCurve } from "../../experiments/roc.ts";

test("by hand: three of four pairs in order, a tie counts one half", () => {
  expect(areaUnderRoc([0.4, 0.8], [0.1, 0.6])).toBe(0.75);
  expect(areaUnderRoc([1], [1])).toBe(0.5);
  expect(areaUnderRoc([2, 3], [0, 1])).toBe(1);
  expect(areaUnderRoc([0], [1])).toBe(0);
  expect(areaUnderRoc([], [1])).toBeNaN();
});

test("the area equals the counted pairs and the trapezoids under the curve (seed 3)", () => {
  const random = randomStream(3);
  const draw = (count: number, shift: number) =>
    Array.from({ length: count }, () => Math.round(10 * (random.normal() + shift)) / 10);
  const [positives, negatives] = [draw(60, 1), draw(90, 0)];
  let wins = 0;
  for (const p of positives) for (const n of negatives) wins += p > n ? 1 : p === n ? 0.5 : 0;
  const area = areaUnderRoc(positives, negatives);
  expect(area).toBeCloseTo(wins / (60 * 90), 12);
  const curve = rocCurve(positives, negatives);
  const rises = curve.slice(1).map((point, i) => [point, curve[i]] as const);
  expect(rises.every(([b, a]) => b.falsePositives >= a.falsePositives)).toBe(true);
  expect(rises.every(([b, a]) => b.truePositives >= a.truePositives)).toBe(true);
  expect(curve.at(-1)).toEqual({ falsePositives: 1, truePositives: 1 });
  const under = rises.reduce(
    (sum, [b, a]) =>
      sum + ((b.falsePositives - a.falsePositives) * (a.truePositives + b.truePositives)) / 2,
    0,
  );
  expect(Math.abs(under - area)).toBeLessThan(0.02); // thresholds at positives only
  expect(areaUnderRoc(negatives, positives)).toBeLessThan(0.5); // control
});
