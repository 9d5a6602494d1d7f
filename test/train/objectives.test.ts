// Objectives against their definitions in float64, where they are large, and at zero; gradients; names.

import { grad, jit, numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { OptionError } from "../../src/core/errors.ts";
import { randomStream } from "../../src/core/random.ts";
import { startEngine } from "../../src/engine/start.ts";
import { defineObjective } from "../../src/train/measures/objective.ts";
import { fitTarget, predictionsOf, scaleTargets } from "../../src/train/target.ts";
import {
  binaryCrossEntropy,
  meanSquaredError,
  objectiveNamed,
  objectiveNames,
  pairwiseLogistic,
  registerObjective,
  softmaxCrossEntropy,
} from "../../src/train/measures/objectives.ts";

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

test("the derivative of binary cross entropy is sigmoid minus target, at zero too", () => {
  for (const target of [0, 0.3, 1]) {
    for (const logit of logits) {
      const derivative = grad((x: np.Array) => binaryCrossEntropy.value(x, column([target])));
      const found = derivative(column([logit])).item();
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
});

/** Mean over pairs whose targets differ of log(1 + e^-(s_i - s_j)), i above j; straight from the definition. */
function rankingLoss(scores: readonly number[], targets: readonly number[]): number {
  const losses = scores.flatMap((s, i) =>
    scores.flatMap((t, j) => (targets[i] > targets[j] ? [Math.log1p(Math.exp(t - s))] : [])),
  );
  return losses.length === 0 ? 0 : losses.reduce((sum, x) => sum + x, 0) / losses.length;
}

test("the ranking objective is the mean over pairs whose targets differ, and sees only their order", () => {
  const stream = randomStream(3);
  const scores = Array.from({ length: 9 }, () => 2 * stream.normal());
  const targets = [3, 1, 1, 2, 5, 5, 0, 2, 4];
  const value = (t: readonly number[]) =>
    pairwiseLogistic.value(column(scores), column([...t])).item();
  expect(value(targets)).toBeCloseTo(rankingLoss(scores, targets), 5);
  expect(value(targets.map((t) => t ** 3 - 7))).toBeCloseTo(value(targets), 6);
  expect(value(targets.toReversed())).not.toBeCloseTo(value(targets), 2); // control
  expect(value(targets.map(() => 1))).toBe(0); // no pair
  const far = [200, -200];
  expect(pairwiseLogistic.value(column(far), column([0, 1])).item()).toBeCloseTo(400, 3);
});

test.each([
  "binary-cross-entropy",
  "mean-squared-error",
  "pairwise-logistic",
  "softmax-cross-entropy",
])(
  "the gradient of %s is that of its value, by differences, and not that of another objective",
  async (name) => {
    const { value, valueAndGradient } = objectiveNamed(name);
    const stream = randomStream(8);
    const [batch, width] = [5, 3];
    const outputs = Float32Array.from({ length: batch * width }, () => stream.normal());
    const targets = Float32Array.from({ length: batch * width }, (_, i) =>
      i % width === i % batch ? 1 : 0,
    );
    const array = (data: Float32Array) =>
      np.array(Float32Array.from(data), { shape: [batch, width] });
    const [loss, gradient] = jit(valueAndGradient)(array(outputs), array(targets));
    expect(loss.item()).toBeCloseTo(value(array(outputs), array(targets)).item(), 5);
    const found = await gradient.data();
    const at = (i: number, by: number) => {
      const moved = outputs.map((x, j) => (i === j ? x + by : x));
      return value(array(moved), array(targets)).item() as number;
    };
    const byDifferences = Array.from(outputs, (_, i) => (at(i, 0.02) - at(i, -0.02)) / 0.04);
    const error = Math.max(...byDifferences.map((x, i) => Math.abs(x - found[i])));
    expect(error).toBeLessThan(2e-4);
    const control = Math.max(...byDifferences.map((x, i) => Math.abs(x - 2 * found[i])));
    expect(control).toBeGreaterThan(10 * error);
  },
);

test("names are known, another one is refused with the list, and one that is taken is not registered", () => {
  expect(objectiveNames().slice(0, 5)).toEqual([
    "binary-cross-entropy",
    "mean-squared-error",
    "share-squared-error",
    "pairwise-logistic",
    "softmax-cross-entropy",
  ]);
  expect(() => objectiveNamed("hinge")).toThrow(/no objective "hinge".*pairwise-logistic/);
  const hinge = {
    name: "hinge",
    summary: "hinge",
    targets: "number",
    value: meanSquaredError.value,
  } as const;
  registerObjective(hinge);
  expect(objectiveNamed("hinge").value).toBe(meanSquaredError.value);
  expect(() => registerObjective(hinge)).toThrow(/objective "hinge" already/);
  expect(() => defineObjective({ ...hinge, value: 3 as never })).toThrow(/function "value"/);
  expect(() => defineObjective({ ...hinge, link: 3 as never })).toThrow(/function "link"/);
  expect(() => defineObjective({ ...hinge, targets: "shares" as never })).toThrow(OptionError);
});

test("a target is learned by the objective that is asked for, its own, or that of its range", () => {
  const targets = Float32Array.of(0.25, 0.75);
  const about = { name: "x", unit: "dB", summary: "an x", better: "higher" } as const;
  const share = { ...about, range: [0, 1] as const };
  expect(fitTarget({ target: share, targets }).loss).toBe("binary-cross-entropy");
  expect(fitTarget({ target: about, targets })).toMatchObject({
    loss: "mean-squared-error",
    mean: 0.5,
    std: 0.25,
  });
  const own = { ...share, objective: "mean-squared-error" };
  const squared = fitTarget({ target: own, targets });
  expect(squared).toMatchObject({ loss: "mean-squared-error", mean: 0.5, std: 0.25 });
  expect(Array.from(scaleTargets({ targets }, squared).targets)).toEqual([-1, 1]);
  expect(Array.from(predictionsOf(Float32Array.of(-1, 1), 1, squared))).toEqual([0.25, 0.75]);
  const order = fitTarget({ target: own, targets }, "pairwise-logistic");
  expect(order).toMatchObject({ loss: "pairwise-logistic", mean: 0, std: 1 });
  const wide = { target: about, targets: Float32Array.of(-3, 20) };
  expect(() => fitTarget(wide, "binary-cross-entropy")).toThrow(/targets in \[0, 1\], but "x"/);
  expect(() => fitTarget(wide, "softmax-cross-entropy")).toThrow(/one number a network/);
  expect(() => fitTarget(wide, "none")).toThrow(/no objective "none"/);
});
