// Cross-entropy and the best class, against the definition.

import { expect, test } from "vitest";
import { judgeScores } from "../../src/core/classification.ts";

test("the loss is minus the logarithm of the label's share, wherever scores stand", () => {
  const scores = [9, 1, 9, -2, 9, 0.5, 9, 3];
  const place = { classes: 4, from: 1, stride: 2 };
  const row = [1, -2, 0.5, 3];
  const total = row.reduce((sum, score) => sum + Math.exp(score), 0);
  for (const [label, score] of row.entries()) {
    const { loss, best } = judgeScores(scores, place, label);
    expect(loss).toBeCloseTo(-Math.log(Math.exp(score) / total), 14);
    expect(best).toBe(3);
  }
  expect(judgeScores(scores, { ...place, from: 0 }, 0).loss).toBeCloseTo(Math.log(4), 14); // control
});

test("ties go to the first class; large scores do not overflow; NaN has no best class", () => {
  const place = { classes: 3, from: 0, stride: 1 };
  expect(judgeScores([2, 5, 5], place, 1).best).toBe(1);
  expect(judgeScores([1000, 999, 0], place, 0).loss).toBeCloseTo(Math.log1p(Math.exp(-1)), 12);
  expect(judgeScores([NaN, NaN, NaN], place, 0)).toEqual({ loss: NaN, best: -1 });
  expect(judgeScores([1, NaN, 0], place, 0)).toEqual({ loss: NaN, best: 0 });
});
