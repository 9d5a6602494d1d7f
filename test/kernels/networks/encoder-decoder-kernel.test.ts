// Losses and gradients of GRU adders from their kernel and from the array engine.

import { numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { randomStream } from "../../../src/core/random.ts";
import { sizeOf } from "../../../src/core/shapes.ts";
import type { WeightBatch } from "../../../src/models/model.ts";
import { startEngine } from "../../../src/engine/start.ts";
import { taskEntry } from "../../../src/tasks/registry.ts";
import type { Task } from "../../../src/tasks/task.ts";

beforeAll(() => startEngine());

const seed = 5;
const names = ["adders", "adders-99"];
const create = (name: string): Promise<Task> => taskEntry(name).create(new Uint8Array(0));

/** Weights with noise on all of them, biases too, and a batch. */
function drawn(task: Task, batch: number) {
  const random = randomStream(seed);
  const weights = Object.entries(task.init(random, 1)).map(([name, { shape, data }]) => ({
    name,
    shape,
    data: Float32Array.from(data, (x) => x + 0.05 * random.normal()),
  }));
  const draw = { index: 0, seed, dataFraction: 1, labelNoise: 0, random: () => random };
  const data = task.dataFor(draw);
  const arrays = Object.fromEntries(
    Object.entries(task.batchShapes(batch)).map(([name, shape]) => [
      name,
      new Float32Array(sizeOf(shape)),
    ]),
  );
  for (let b = 0; b < batch; b++)
    task.writeExample(arrays, b, batch, data, random.integer(data.count));
  return { weights, arrays };
}

const one = (data: Float32Array, shape: readonly number[]) =>
  np.array(Float32Array.from(data), { shape: [1, ...shape] });

/** Distances between both ways: of the losses, and of every tensor's gradient as one vector, the largest, relative. */
async function apart(name: string, batch: number, change?: (arrays: Arrays) => void) {
  const task = await create(name);
  const { weights, arrays } = drawn(task, batch);
  const stacked = (): WeightBatch =>
    Object.fromEntries(weights.map(({ name: of, shape, data }) => [of, one(data, shape)]));
  const shapes = task.batchShapes(batch);
  const examples = () =>
    Object.fromEntries(Object.entries(arrays).map(([of, data]) => [of, one(data, shapes[of])]));
  const [expected] = task.loss(stacked(), examples()).dataSync() as Float32Array;
  const gradients = task.gradients(stacked(), examples());
  const kernel = task.kernelOf?.(batch);
  if (kernel === undefined) throw new Error(`${name} has no kernel`);
  for (const { name: of, data } of weights) kernel.weights[of].set(data);
  change?.(arrays);
  const loss = kernel.run(arrays);
  expect(kernel.run(arrays), "run once more, it finds the same").toBe(loss);
  const distances = Object.entries(gradients).map(([of, array]) => {
    let [difference, size] = [0, 0];
    for (const [i, value] of (array.dataSync() as Float32Array).entries()) {
      difference += (kernel.gradients[of][i] - value) ** 2;
      size += value ** 2;
    }
    return Math.sqrt(difference / size);
  });
  return { loss: Math.abs(loss - expected) / expected, gradient: Math.max(...distances) };
}
type Arrays = ReturnType<typeof drawn>["arrays"];

describe("GRU adders on their kernel", () => {
  const sizes = [32, 30, 7];
  test.each(names.flatMap((name) => sizes.map((batch) => [name, batch] as const)))(
    "%s, %i a batch: loss and all gradients are those of the array engine to 1e-5",
    async (name, batch) => {
      const { loss, gradient } = await apart(name, batch);
      expect(loss, `seed ${seed}`).toBeLessThan(1e-6);
      expect(gradient, `seed ${seed}`).toBeLessThan(1e-5);
    },
  );

  test("one other symbol in a problem was seen to move them, and one other in an answer", async () => {
    const swap = (array: Float32Array, step: number, from: number) => {
      const at = array.findIndex((value, i) => i % step === from && value > 0);
      array[at] = 0;
      array[at < step ? at + step : at - step] = 1;
    };
    const question = await apart("adders", 32, ({ query4 }) => {
      const symbol = query4.findIndex((value) => value > 0);
      query4[symbol] = 0;
      query4[(symbol + 1) % 10] = 1;
    });
    const answer = await apart("adders", 32, ({ target0 }) => swap(target0, 32, 3));
    for (const { loss, gradient } of [question, answer]) {
      expect(loss).toBeGreaterThan(1e-5);
      expect(gradient).toBeGreaterThan(1e-3);
    }
  });
});
