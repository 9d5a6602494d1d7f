// Inner tasks: real data, gradients that are those of the loss, batches that follow from a seed.

import { numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { randomStream } from "../../../src/core/random.ts";
import { sizeOf } from "../../../src/core/shapes.ts";
import { readFashionMnist } from "../../../src/datasets/fashion-mnist.ts";
import { readText } from "../../../src/datasets/text.ts";
import { arraysFromHost, arraysToHost } from "../../../src/engine/arrays.ts";
import { startEngine } from "../../../src/engine/start.ts";
import { readPackageData } from "../../../src/node/package-data.ts";
import type { ImageData } from "../../../src/tasks/inner/images.ts";
import type { InnerTask } from "../../../src/tasks/inner/inner-task.ts";
import {
  innerTaskEntry,
  innerTaskNames,
  registerInnerTask,
} from "../../../src/tasks/inner/registry.ts";

beforeAll(() => startEngine());

const open = async (name: string): Promise<InnerTask> => {
  const { dataFile, create } = innerTaskEntry(name);
  return create(await readPackageData(dataFile ?? ""));
};

/** Images of random brightness, small and few. */
function someImages(side: number): ImageData {
  const random = randomStream(2);
  const part = (count: number) => ({
    count,
    shape: [side, side],
    inputs: Float32Array.from({ length: count * side * side }, () => random.uniform()),
    labels: Uint8Array.from({ length: count }, () => random.integer(10)),
  });
  return { train: part(50), test: part(1100) };
}

/** Batches and weights of two networks. */
function two(task: InnerTask, seed: number) {
  const random = randomStream(seed);
  const weights = [task.init(random), task.init(random)];
  const record = Object.fromEntries(
    Object.entries(task.spec.tensors).map(([name, { shape }]) => [
      name,
      {
        shape: [2, ...shape],
        data: Float32Array.from(weights.flatMap((w) => [...w[name].data])),
      },
    ]),
  );
  const batch = Object.fromEntries(
    Object.entries(task.batchShapes).map(([name, shape]) => [
      name,
      { shape: [2, ...shape], data: new Float32Array(2 * sizeOf(shape)) },
    ]),
  );
  for (const at of [0, 1]) {
    const views = Object.entries(task.batchShapes).map(([name, shape]) => {
      const size = sizeOf(shape);
      return [name, batch[name].data.subarray(at * size, (at + 1) * size)];
    });
    task.writeBatch(Object.fromEntries(views) as Record<string, Float32Array>, random);
  }
  return { record, batch };
}

/** A text of few different characters. */
function someText(): Uint8Array {
  const random = randomStream(4);
  const letters = Array.from({ length: 3000 }, () => "abcde \n"[random.integer(7)]);
  return new TextEncoder().encode(letters.join(""));
}

/** The task on data made here. */
const openSmall = (name: string): Promise<InnerTask> => {
  const { create, createOn } = innerTaskEntry(name);
  return createOn?.(someImages(8)) ?? create(someText());
};

describe.each(innerTaskNames())("%s", (name) => {
  test("gradients are those of the loss: a step down them lowers it by their square", async () => {
    const task = await openSmall(name);
    const { record, batch } = two(task, 3);
    const weights = arraysFromHost(record);
    const { losses, gradients } = task.lossAndGradients(weights, arraysFromHost(batch));
    const before = [...(await losses.data())];
    const host = await arraysToHost(gradients);
    const step = 1e-3;
    const squares = [0, 1].map((at) =>
      Object.values(host).reduce((sum, { data }) => {
        const half = data.length / 2;
        const own = Array.from(data.slice(at * half, (at + 1) * half));
        return sum + own.reduce((s, g) => s + g * g, 0);
      }, 0),
    );
    const moved = Object.fromEntries(
      Object.entries(record).map(([tensor, { shape, data }]) => [
        tensor,
        { shape, data: data.map((w, i) => w - step * host[tensor].data[i]) },
      ]),
    );
    const after = task.lossAndGradients(arraysFromHost(moved), arraysFromHost(batch));
    const found = [...(await after.losses.data())];
    for (const at of [0, 1]) {
      const expected = step * squares[at];
      expect(before[at] - found[at]).toBeGreaterThan(0.8 * expected);
      expect(before[at] - found[at]).toBeLessThan(1.2 * expected);
    }
    expect(Math.abs(before[0] - before[1])).toBeGreaterThan(1e-4); // networks stay apart
  });
});

describe("FashionMNIST at 8 x 8", () => {
  test("60,000 and 10,000 images of ten classes, equally many of each, brightness 0 to 1", async () => {
    const { train, test: held } = await readFashionMnist(
      await readPackageData("fashion-mnist-8x8.npz"),
    );
    expect([train.count, held.count]).toEqual([60000, 10000]);
    for (const { labels, inputs, count, shape } of [train, held]) {
      expect(shape).toEqual([8, 8]);
      const counts = Array.from({ length: 10 }, () => 0);
      for (const label of labels) counts[label]++;
      expect(counts).toEqual(Array.from({ length: 10 }, () => count / 10));
      const brightest = inputs.reduce((most, x) => Math.max(most, x), 0);
      expect(brightest).toBeGreaterThan(0.9);
      expect(brightest).toBeLessThanOrEqual(1);
    }
  });
  test("a damaged file is refused by what is missing", async () => {
    await expect(readFashionMnist(await readPackageData("uci-digits.csv.gz"))).rejects.toThrow();
  });
  test("a network that knows nothing has a test loss near that of chance; batches follow from the seed", async () => {
    const task = await open("fashion-mlp");
    const names = Object.values(task.spec.tensors).map(({ shape }) => sizeOf(shape));
    expect(names.reduce((sum, size) => sum + size, 0)).toBe(2410);
    const { record, batch } = two(task, 5);
    const losses = await task.testLoss(arraysFromHost(record));
    expect(losses).toHaveLength(2);
    for (const loss of losses) expect(Math.abs(loss - task.chance)).toBeLessThan(0.5);
    expect(two(task, 5).batch).toEqual(batch);
    expect(two(task, 6).batch).not.toEqual(batch);
  });
});

test("test losses count every example once, whatever the portions", async () => {
  const images = someImages(8);
  const labels = Uint8Array.from(images.test.labels, (_, i) => (i < 1000 ? 0 : 1));
  const data = { ...images, test: { ...images.test, labels } };
  const task = await innerTaskEntry("fashion-mlp").createOn!(data);
  // Scores of 1 for the first class and 0 for the others, whatever the image.
  const weights = Object.fromEntries(
    Object.entries(task.spec.tensors).map(([name, { shape }]) => [
      name,
      name === "fc2.bias"
        ? np.array([1, ...Array.from({ length: 9 }, () => 0)]).reshape([1, 10])
        : np.zeros([1, ...shape]),
    ]),
  );
  const [loss] = await task.testLoss(weights);
  expect(loss).toBeCloseTo(Math.log(Math.E + 9) - 1000 / 1100, 4);
});

describe("text", () => {
  test("tinyshakespeare has 65 characters; nine tenths are learnt from", async () => {
    const {
      symbols,
      train,
      test: held,
    } = readText(await readPackageData("tinyshakespeare.txt.gz"));
    expect(symbols).toHaveLength(65);
    expect([train.length, held.length]).toEqual([1003854, 111540]);
    const decoded = Array.from(train.subarray(0, 13), (number) => symbols[number]).join("");
    expect(decoded).toBe("First Citizen");
  });
  test("what is no text of at most 256 characters is refused", () => {
    expect(() => readText(Uint8Array.of(0xff, 0xfe, 0x41))).toThrow(/UTF-8/);
    expect(() => readText(new Uint8Array())).toThrow(/expected 2 to 256/);
    const many = Array.from({ length: 300 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join("");
    expect(() => readText(new TextEncoder().encode(many))).toThrow(/got 300/);
  });
  test("labels are the next characters", async () => {
    const task = await innerTaskEntry("text-irnn").create(someText());
    const { batch } = two(task, 3);
    const { inputs, labels } = batch;
    for (let t = 0; t + 1 < 16; t++) expect(labels.data[t]).toBe(inputs.data[t + 1]);
  });
});

test("an unknown task is named with the one that was meant; a name is taken once", () => {
  expect(() => innerTaskEntry("fashion-mpl")).toThrow(/did you mean "?fashion-mlp/);
  expect(() =>
    registerInnerTask({ name: "fashion-mlp", ...innerTaskEntry("fashion-mlp") }),
  ).toThrow(/already/);
});
