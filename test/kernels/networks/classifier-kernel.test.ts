// Losses and gradients of small networks from kernels and from the array engine.

import { numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { randomStream } from "../../../src/core/random.ts";
import { startEngine } from "../../../src/engine/start.ts";
import {
  type ClassifierForm,
  classifierKernel,
} from "../../../src/kernels/networks/classifier-kernel.ts";
import { openInnerTask } from "../../../src/node/open-inner-task.ts";
import type { InnerTask } from "../../../src/tasks/inner/inner-task.ts";

beforeAll(() => startEngine());

const seed = 5;

/** Weights with noise on all of them, and a batch. */
function drawn(task: InnerTask) {
  const random = randomStream(seed);
  const weights = Object.fromEntries(
    Object.entries(task.init(random)).map(([name, { shape, data }]) => [
      name,
      { shape, data: Float32Array.from(data, (x) => x + 0.03 * random.normal()) },
    ]),
  );
  const batch = Object.fromEntries(
    Object.entries(task.batchShapes).map(([name, shape]) => [
      name,
      new Float32Array(shape.reduce((size, length) => size * length, 1)),
    ]),
  );
  task.writeBatch(batch, random);
  return { weights, batch };
}

/** Distances between both ways: of the losses, and of the gradient as one vector, relative. */
function apart(task: InnerTask, change: (labels: Float32Array) => Float32Array = (same) => same) {
  const { weights, batch } = drawn(task);
  const kernel = classifierKernel(task.classifier as ClassifierForm);
  for (const [name, { data }] of Object.entries(weights)) kernel.weights[name].set(data);
  kernel.setBatch(batch["inputs"], change(batch["labels"]));
  const loss = kernel.run();
  expect(kernel.run(), "run once more, it finds the same").toBe(loss);
  const stacked = (data: Float32Array, shape: readonly number[]) =>
    np.array(Float32Array.from(data), { shape: [1, ...shape] });
  const { losses, gradients } = task.lossAndGradients(
    Object.fromEntries(
      Object.entries(weights).map(([name, { shape, data }]) => [name, stacked(data, shape)]),
    ),
    Object.fromEntries(
      Object.entries(batch).map(([name, data]) => [name, stacked(data, task.batchShapes[name])]),
    ),
  );
  const [expected] = losses.dataSync() as Float32Array;
  let [difference, size] = [0, 0];
  for (const [name, array] of Object.entries(gradients))
    for (const [i, value] of (array.dataSync() as Float32Array).entries()) {
      difference += (kernel.gradients[name][i] - value) ** 2;
      size += value ** 2;
    }
  return {
    loss: Math.abs(loss - expected) / expected,
    gradient: Math.sqrt(difference / size),
  };
}

const names = ["fashion-mlp", "fashion-wide", "fashion-cnn", "text-irnn", "text-transformer"];

describe("a classifier on kernels", () => {
  test.each(names)("%s: loss and gradients are those of the array engine to 1e-5", async (name) => {
    const { loss, gradient } = apart(await openInnerTask({ task: name }));
    expect(loss, `seed ${seed}`).toBeLessThan(1e-5);
    expect(gradient, `seed ${seed}`).toBeLessThan(1e-5);
  });

  test.each(names)("%s: a control with one other label was seen to fail", async (name) => {
    const task = await openInnerTask({ task: name });
    const { loss, gradient } = apart(task, (labels) =>
      labels.map((label, i) => (i === 3 ? (label + 1) % 10 : label)),
    );
    expect(loss).toBeGreaterThan(1e-5);
    expect(gradient).toBeGreaterThan(1e-3);
  });
});
