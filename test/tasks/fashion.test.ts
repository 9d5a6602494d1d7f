// Tasks on pictures of clothing: their images, and how well networks do on them.

import { numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { startEngine } from "../../src/engine/start.ts";
import { readPackageData } from "../../src/node/package-data.ts";
import type { ClassifierTask } from "../../src/tasks/classifier.ts";
import { fashionTasks } from "../../src/tasks/fashion.ts";
import { labelledData } from "../../src/tasks/labelled-data.ts";
import { gradientErrors, randomWeights, stack, underSymmetry } from "./task-laws.ts";

let bytes: Uint8Array;
beforeAll(async () => {
  await startEngine();
  bytes = await readPackageData("fashion-mnist-8x8.npz");
});

const tasks = [
  { name: "fashion-cnn", tensor: "conv2.weight", without: [] },
  {
    name: "fashion-transformer",
    tensor: "block1.v.weight",
    without: ["block1.k.bias", "block2.k.bias"], // softmax does not see them
  },
] as const;

describe.each(tasks)("$name", ({ name, tensor, without }) => {
  let task: ClassifierTask;
  beforeAll(async () => {
    task = await fashionTasks[name].create(bytes);
  });

  test("learns from 6,000 images of all classes, the same ones every time, and is tested on 10,000", async () => {
    expect([task.train.count, task.test.count]).toEqual([6000, 10_000]);
    const counts = Array.from({ length: 10 }, (_, label) =>
      task.train.labels.reduce((sum, own) => sum + (own === label ? 1 : 0), 0),
    );
    for (const count of counts) expect(Math.abs(count - 600)).toBeLessThan(90); // 4 deviations
    const again = await fashionTasks[name].create(bytes);
    expect(again.train.labels).toEqual(task.train.labels);
  });

  test("has the gradients of automatic differentiation", async () => {
    for (const error of Object.values(await gradientErrors(task, 3, without)))
      expect(error).toBeLessThan(1e-5);
  });

  test("does as well after the spec's group acted, and not when one tensor alone moves", async () => {
    const { before, moved, half } = await underSymmetry(task, tensor, 5);
    expect(moved.testLoss).toBeCloseTo(before.testLoss, 3);
    expect(moved.trainLoss).toBeCloseTo(before.trainLoss, 3);
    expect(Math.abs(half.testLoss - before.testLoss)).toBeGreaterThan(1e-4);
  });
});

describe("results", () => {
  /** Mean loss of one network on given images and labels, by the definition of its loss. */
  async function lossOn(
    task: ClassifierTask,
    weights: ReturnType<typeof randomWeights>,
    examples: readonly number[],
    labels: Uint8Array,
  ): Promise<number> {
    const inputs = new Float32Array(examples.length * 64);
    const targets = new Float32Array(10 * examples.length);
    for (let i = 0; i < examples.length; i++)
      task.writeExample({ inputs, targets }, i, examples.length, labelledData(examples, labels), i);
    const batch = {
      inputs: np.array(inputs, { shape: [1, examples.length, 64] }),
      targets: np.array(targets, { shape: [1, 10, examples.length] }),
    };
    return (await task.loss(stack(task, [weights]), batch).data())[0];
  }

  test("are those of the definition: a training loss of the first 400 examples a network has seen, with the labels it was told", async () => {
    const task = await fashionTasks["fashion-cnn"].create(bytes);
    const random = randomStream(8);
    const networks = [1, 2].map((seed) => randomWeights(task, seed));
    const many = random.permutation(6000).slice(0, 500);
    const few = [3, 1, 4, 15];
    const told = [many, few].map((examples) => Uint8Array.from(examples, () => random.integer(10)));
    const results = await task.evaluate(stack(task, networks), [
      labelledData(many, told[0]),
      labelledData(few, told[1]),
    ]);
    const first = await lossOn(task, networks[0], many.slice(0, 400), told[0].subarray(0, 400));
    const all = await lossOn(task, networks[0], many, told[0]);
    const second = await lossOn(task, networks[1], few, told[1]); // a hundred times over
    expect(results[0].trainLoss).toBeCloseTo(first, 4);
    expect(Math.abs(results[0].trainLoss - all)).toBeGreaterThan(1e-3); // control
    expect(results[1].trainLoss).toBeCloseTo(second, 4);
  });
});
