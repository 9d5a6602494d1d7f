import { numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { sizeOf } from "../../src/core/shapes.ts";
import { startEngine } from "../../src/engine/start.ts";
import { formatAxisExpression } from "../../src/symmetry/expression.ts";
import type { ClassifierTask } from "../../src/tasks/classifier.ts";
import { digitsTasks } from "../../src/tasks/digits.ts";
import { readPackageData } from "../../src/node/package-data.ts";
import { gradientErrors, randomWeights, stack, underSymmetry } from "./task-laws.ts";

let bytes: Uint8Array;
beforeAll(async () => {
  await startEngine();
  bytes = await readPackageData("uci-digits.csv.gz");
});

describe.each([
  ["relu", "positive"],
  ["tanh", "sign"],
] as const)("a CNN with %s", (activation, scale) => {
  let task: ClassifierTask;
  beforeAll(async () => {
    task =
      await digitsTasks[activation === "relu" ? "digits-cnn" : "digits-cnn-tanh"].create(bytes);
  });

  test("has the 4,970 parameters of the small CNN zoo, and its channels' symmetries", () => {
    const tensors = Object.values(task.spec.tensors);
    expect(tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(4970);
    const axes = Object.fromEntries(
      Object.entries(task.spec.tensors).map(([name, tensor]) => [
        name,
        tensor.axes.map(formatAxisExpression).join(" "),
      ]),
    );
    expect(axes["conv2.weight"]).toBe("conv2 conv1^-1 3 3");
    expect(axes["fc.weight"]).toBe("port conv3^-1");
    for (const name of ["conv1", "conv2", "conv3"])
      expect(task.spec.axes[name]).toMatchObject({ size: 16, group: "permutation", scale });
  });

  test("computes by matrices what its convolutions compute", async () => {
    const networks = [1, 2].map((seed) => randomWeights(task, seed));
    const images = () => np.array(task.test.inputs.slice(0, 64 * 20), { shape: [1, 20, 64] });
    const slow = await task.logits(stack(task, networks), images()).data();
    const fast = await task.fastLogits!(stack(task, networks), images()).data();
    expect(fast).toHaveLength(2 * 10 * 20);
    for (const [i, value] of slow.entries()) expect(fast[i]).toBeCloseTo(value, 4);
  });

  test("has the gradients of automatic differentiation", async () => {
    for (const error of Object.values(await gradientErrors(task, 3)))
      expect(error).toBeLessThan(1e-5);
  });

  test("does as well after the spec's group acted, and not when one tensor alone moves", async () => {
    const { before, moved, half } = await underSymmetry(task, "conv2.weight", 5);
    expect(moved.testLoss).toBeCloseTo(before.testLoss, 3);
    expect(moved.testAccuracy).toBeCloseTo(before.testAccuracy, 2);
    expect(Math.abs(half.testLoss - before.testLoss)).toBeGreaterThan(0.01);
  });
});
