import { grad, numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { startEngine } from "../../src/engine/start.ts";
import type { WeightBatch } from "../../src/models/model.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { formatAxisExpression } from "../../src/symmetry/expression.ts";
import { joinImages, type PictureData, picturesTask } from "../../src/tasks/pictures.ts";
import type { Batch, RunDraw, Task } from "../../src/tasks/task.ts";
import { parseRecipe } from "../../src/zoo/recipe.ts";
import { recipeNamed } from "../../src/zoo/recipes.ts";
import { trainPopulation } from "../../src/zoo/training/train-population.ts";

/** Three images of 4 x 5 pixels with other numbers each. */
const images = {
  count: 3,
  shape: [4, 5],
  inputs: Float32Array.from({ length: 60 }, (_, i) => (0.5 + 0.5 * Math.sin(i * i)) as number),
  labels: Uint8Array.of(7, 0, 3),
};
let task: Task<PictureData>;
beforeAll(async () => {
  await startEngine();
  task = await picturesTask("test", images);
});

const runOf = (index: number, changes: Partial<RunDraw> = {}): RunDraw => ({
  index,
  seed: 0,
  dataFraction: 1,
  labelNoise: 0,
  random: () => randomStream(index),
  ...changes,
});

function stack(networks: readonly Weights[]): WeightBatch {
  return Object.fromEntries(
    Object.entries(task.spec.tensors).map(([name, { shape }]) => {
      const data = new Float32Array(networks.length * sizeOf(shape));
      networks.forEach((weights, i) => data.set(weights[name].data, i * sizeOf(shape)));
      return [name, np.array(data, { shape: [networks.length, ...shape] })];
    }),
  );
}
/** Initial weights with biases that are not 0. */
const network = (seed: number): Weights => {
  const random = randomStream(seed);
  return Object.fromEntries(
    Object.entries(task.init(random, 1)).map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((value) => value + 0.02 * random.normal()) },
    ]),
  );
};

/** A batch of the first pixels of two runs. */
function batch(size: number): Batch {
  const shapes = task.batchShapes(size);
  const arrays = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, new Float32Array(2 * sizeOf(shape))]),
  );
  for (const run of [0, 1]) {
    const part = Object.fromEntries(
      Object.entries(arrays).map(([name, all]) => [
        name,
        all.subarray((run * all.length) / 2, ((run + 1) * all.length) / 2),
      ]),
    );
    const data = task.dataFor(runOf(run));
    for (let at = 0; at < size; at++) task.writeExample(part, at, size, data, at);
  }
  return Object.fromEntries(
    Object.entries(arrays).map(([name, data]) => [
      name,
      np.array(data, { shape: [2, ...shapes[name]] }),
    ]),
  );
}

test("networks have the published 1,185 numbers; units of both sine layers may be reordered and flipped", () => {
  const sizes = Object.values(task.spec.tensors).map(({ shape }) => sizeOf(shape));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(1185);
  const axes = (name: string) => task.spec.tensors[name].axes.map(formatAxisExpression);
  expect(axes("out.bias")).toEqual(["1"]);
  for (const name of ["sine1.bias", "sine2.bias"])
    expect(task.spec.axes[axes(name)[0]]).toMatchObject({ group: "permutation", scale: "sign" });
});

test("gradients are those of automatic differentiation of the loss", async () => {
  const weights = () => stack([network(1), network(2)]);
  const total = (w: WeightBatch) => np.sum(task.loss(w, batch(6)));
  const automatic = grad(total)(weights()) as WeightBatch;
  const written = task.gradients(weights(), batch(6));
  for (const name of Object.keys(task.spec.tensors)) {
    const [a, b] = [await automatic[name].data(), await written[name].data()];
    const most = Math.max(...Array.from(a, Math.abs));
    a.forEach((value, i) => expect(Math.abs(value - b[i])).toBeLessThan(2e-4 * most + 1e-6));
    expect(most).toBeGreaterThan(0); // control: there is something to compare
  }
});

test("a run sees the pixels of its own image; images come again after the last", async () => {
  const { values, places } = batch(20);
  const seen = await values.data();
  const pixels = task.dataFor(runOf(0)).pixels;
  pixels.forEach((pixel, at) => expect(seen[at]).toBeCloseTo(2 * images.inputs[pixel] - 1, 6));
  const where = await places.data();
  expect(Array.from(where.subarray(0, 2))).toEqual([
    Math.fround((2 * Math.floor(pixels[0] / 5) + 1) / 4 - 1),
    Math.fround((2 * (pixels[0] % 5) + 1) / 5 - 1),
  ]);
  expect(task.dataFor(runOf(4)).image).toBe(1);
  expect(task.dataFor(runOf(1, { dataFraction: 0.5 })).count).toBe(10);
  expect(() => task.dataFor(runOf(0, { labelNoise: 0.1 }))).toThrow(/see no label/);
});

test("a picture stays what it was after the group acted, and not when one tensor alone moves", async () => {
  const weights = network(5);
  const element = sampleElement(task.spec, 3);
  const moved = actOn(task.spec, element, weights);
  const half = { ...weights, "sine2.weight": moved["sine2.weight"] };
  const data = [0, 0, 0].map((run) => task.dataFor(runOf(run)));
  const [before, after, broken] = await task.evaluate(stack([weights, moved, half]), data);
  expect(after["psnr"]).toBeCloseTo(before["psnr"], 3);
  expect(after["label"]).toBe(7);
  expect(Math.abs(broken["psnr"] - before["psnr"])).toBeGreaterThan(0.05);
});

test("fitting raises the ratio; a shared start begins at the same weights, and own starts do not", async () => {
  const recipe = (start: "own" | "shared") =>
    parseRecipe(
      {
        ...recipeNamed("pictures-digits"),
        batch: 20,
        steps: { fullChance: 1, range: [60, 60] },
        checkpoints: 2,
        start,
      },
      { anyTask: true },
    );
  const fitted = await trainPopulation({
    task,
    recipe: recipe("own"),
    seed: 1,
    indices: [0, 1, 2],
  });
  const psnr = fitted.runs.map(({ metrics }) => metrics["psnr"]);
  for (const run of [0, 1, 2]) expect(psnr[2 * run + 1]).toBeGreaterThan(psnr[2 * run] + 3);
  expect(fitted.runs.map(({ metrics }) => metrics["label"])).toEqual([7, 7, 0, 0, 3, 3]);
  const short = (start: "own" | "shared") =>
    trainPopulation({
      task,
      recipe: { ...recipe(start), steps: { fullChance: 1, range: [1, 1] }, checkpoints: 1 },
      seed: 1,
      indices: [0, 1],
    });
  // The first step of Adam moves every weight by the rate at most.
  const apart = ({ weights }: Awaited<ReturnType<typeof short>>) => {
    const { data } = weights["sine1.weight"];
    const half = data.length / 2;
    return Math.max(...data.slice(0, half).map((value, i) => Math.abs(value - data[half + i])));
  };
  expect(apart(await short("shared"))).toBeLessThan(0.0021);
  expect(apart(await short("own"))).toBeGreaterThan(0.1);
});

test("sets are joined in their order", () => {
  const joined = joinImages(images, { ...images, labels: Uint8Array.of(1, 2, 9) });
  expect([joined.count, joined.inputs.length, ...joined.labels]).toEqual([
    6, 120, 7, 0, 3, 1, 2, 9,
  ]);
});
