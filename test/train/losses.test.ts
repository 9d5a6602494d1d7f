// Losses against their definitions in float64, where they are large, and at zero.

import { grad, numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import {
  binaryCrossEntropy,
  losses,
  meanSquaredError,
  softmaxCrossEntropy,
} from "../../src/train/measures/losses.ts";

beforeAll(() => startEngine());

const logits = [-90, -20, -3, -0.5, 0, 0.5, 3, 20, 90];
const column = (values: number[]) => np.array(values, { shape: [values.length, 1] });

test("binary cross entropy equals its definition with soft labels, without overflow", async () => {
  for (const target of [0, 0.3, 1]) {
    for (const logit of logits) {
      const expected = Math.max(logit, 0) - logit * target + Math.log1p(Math.exp(-Math.abs(logit)));
      const found = binaryCrossEntropy.value(column([logit]), column([target])).item();
      expect(Math.abs(found - expected)).toBeLessThan(1e-6 * (1 + expected));
    }
  }
});

test("the slope of binary cross entropy is sigmoid minus target, at zero too", () => {
  for (const target of [0, 0.3, 1]) {
    for (const logit of logits) {
      const slope = grad((x: np.Array) => binaryCrossEntropy.value(x, column([target])));
      const found = slope(column([logit])).item();
      expect(found).toBeCloseTo(1 / (1 + Math.exp(-logit)) - target, 6);
    }
  }
});

test("mean squared error and softmax cross entropy equal their definitions", () => {
  expect(meanSquaredError.value(column([1, 2, 4]), column([1, 0, 1])).item()).toBeCloseTo(
    13 / 3,
    5,
  );
  const outputs = np.array([
    [1, 2, 3],
    [100, 0, -100],
  ]);
  const targets = np.array([
    [0, 0.5, 0.5],
    [0, 1, 0],
  ]);
  const logSum = Math.log(Math.exp(1) + Math.exp(2) + Math.exp(3));
  const expected = (logSum - 2.5 + 100) / 2;
  expect(softmaxCrossEntropy.value(outputs, targets).item()).toBeCloseTo(expected, 4);
});

test("links bring outputs to the scale of the targets", () => {
  expect(Array.from(binaryCrossEntropy.link(Float32Array.of(0, 1000, -1000), 1))).toEqual([
    0.5, 1, 0,
  ]);
  expect(Array.from(meanSquaredError.link(Float32Array.of(2), 1))).toEqual([2]);
  const rows = softmaxCrossEntropy.link(Float32Array.of(0, 0, 1000, 0), 2);
  expect(Array.from(rows)).toEqual([0.5, 0.5, 1, 0]);
  expect(Object.keys(losses)).toHaveLength(3);
});
