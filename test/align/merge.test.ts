// Laws of merging: copies of one network merge into it, in whatever order and scale they come; barriers are what they are
// defined to be.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { graphLoss } from "../../src/align/merging/graph-loss.ts";
import { readAll } from "../../src/formats/tensor-source.ts";
import { inputBatches } from "../../src/align/activations/graph-inputs.ts";
import { alignMany, mergeWeights } from "../../src/align/merging/merge-weights.ts";
import { interpolate, lossBarrier, pathPoints } from "../../src/align/merging/path.ts";
import { classify } from "../../src/align/merging/classification.ts";
import { similarityOf } from "../../src/align/similarity.ts";
import { randomStream } from "../../src/core/random.ts";
import { modelWriter } from "../../src/formats/onnx/onnx-write.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { onnxRuntime } from "../../src/runtime/onnx-runtime.ts";
import {
  farthest,
  genericWeights,
  modelPath,
  modelSpec,
  weightReader as reader,
  withNoise,
} from "../support/networks.ts";

const seed = 23;

describe(`copies of one network (seed ${seed})`, () => {
  for (const file of ["mlp.onnx", "siren.onnx", "resnet.onnx", "grouped_conv.onnx"]) {
    test(`merge into it: ${file}`, async () => {
      const spec = modelSpec(file);
      const a = genericWeights(spec, seed);
      const others = [1, 2, 3].map((i) =>
        actOn(spec, sampleElement(spec, seed + i), withNoise(a, 0.01, seed + i)),
      );
      const networks = [a, ...others].map(reader);
      const { elements, similarity, unidentifiable, rounds } = await alignMany(spec, networks);
      expect(similarity).toBeGreaterThan(0.999);
      expect(unidentifiable).toEqual([]);
      expect(rounds).toBeLessThan(8);
      const parts = networks.map((read, i) => ({ read, share: 0.25, element: elements[i] }));
      const merged = await readAll(Object.keys(a), mergeWeights(spec, parts));
      expect(farthest(a, merged)).toBeLessThan(0.1);
      const plain = networks.map((read) => ({ read, share: 0.25 }));
      const blurred = await readAll(Object.keys(a), mergeWeights(spec, plain));
      expect(farthest(a, blurred)).toBeGreaterThan(0.5); // control: without alignment it is lost
    });
  }
});

test("networks are aligned with the mean of the others until nothing changes, the same every time", async () => {
  const spec = modelSpec("mlp.onnx");
  const networks = [1, 2, 3, 4].map((i) => reader(genericWeights(spec, i)));
  const first = await alignMany(spec, networks);
  expect(await alignMany(spec, networks)).toEqual(first);
  expect(first.rounds).toBeGreaterThan(1);
  const once = await alignMany(spec, networks, { rounds: 0 });
  expect(first.similarity).not.toBeCloseTo(once.similarity, 6);
  const spreadOf = async (elements: typeof first.elements) => {
    let total = 0;
    for (const [i, a] of networks.entries())
      for (const [j, b] of networks.entries()) {
        const left = mergeWeights(spec, [{ read: a, share: 1, element: elements[i] }]);
        const right = mergeWeights(spec, [{ read: b, share: 1, element: elements[j] }]);
        if (i < j) total += await similarityOf(Object.keys(spec.tensors), left, right);
      }
    return total;
  };
  expect(await spreadOf(first.elements)).toBeGreaterThan(await spreadOf(once.elements));
  await expect(alignMany(spec, networks.slice(0, 1))).rejects.toThrow(
    /two networks or more, got 1/,
  );
});

test("the path runs straight from the first network to the second", async () => {
  const spec = modelSpec("mlp.onnx");
  const [a, b] = [genericWeights(spec, 1), genericWeights(spec, 2)];
  const at = async (t: number) =>
    readAll(Object.keys(a), interpolate(spec, reader(a), reader(b), t));
  expect(farthest(await at(0), a)).toBe(0);
  expect(farthest(await at(1), b)).toBe(0);
  const quarter = (await at(0.25))["f.0.bias"].data;
  for (const [i, x] of quarter.entries())
    expect(x).toBeCloseTo(0.75 * a["f.0.bias"].data[i] + 0.25 * b["f.0.bias"].data[i], 6);
  const wrong = { ...b, "f.0.bias": { shape: [5], data: new Float32Array(5) } };
  const bad = interpolate(spec, reader(a), reader(wrong), 0.5);
  await expect(bad("f.0.bias")).rejects.toThrow(/"f.0.bias" has shapes \[11\] and \[5\]/);
});

test("a barrier is the largest rise over the line between the ends", () => {
  const path = (losses: readonly number[]) =>
    pathPoints(losses.length).map((t, i) => ({ t, loss: losses[i] }));
  expect(lossBarrier(path([1, 3, 2]))).toBe(1.5);
  expect(lossBarrier(path([0.5, 0.4, 0.5]))).toBe(0);
  expect(() => lossBarrier([])).toThrow(/must begin at t = 0/);
  expect(() => pathPoints(2)).toThrow(/3 points or more, got 2/);
});

test("cross-entropy and accuracy are those of the definition", () => {
  const scores = [1, 2, 0, 0, 0, 5];
  const { loss, right } = classify(scores, [1, 0]);
  const first = -Math.log(Math.exp(2) / (Math.exp(1) + Math.exp(2) + 1));
  const second = -Math.log(1 / (2 + Math.exp(5)));
  expect(loss).toBeCloseTo(first + second, 10);
  expect(right).toBe(1);
  expect(classify([0.25, 0.75], [0], { chances: true }).loss).toBeCloseTo(Math.log(4), 10);
  expect(() => classify(scores, [1, 7])).toThrow(/label 1 is 7/);
});

test("the loss of a graph does not change along the path between two copies that are aligned", async () => {
  const bytes = readFileSync(modelPath("mlp.onnx"));
  const graph = readOnnx(bytes);
  const spec = modelSpec("mlp.onnx");
  const a = genericWeights(spec, 3);
  const b = actOn(spec, sampleElement(spec, 3), a);
  const random = randomStream(seed);
  const inputs = {
    shape: [40, 7],
    data: Float32Array.from({ length: 280 }, () => random.normal()),
  };
  const labels = { shape: [40], data: Float32Array.from({ length: 40 }, () => random.integer(5)) };
  const batches = inputBatches(graph, { x: inputs, labels });
  const loss = graphLoss(graph, await onnxRuntime(), batches, labels);
  const write = modelWriter(bytes);
  const { elements } = await alignMany(spec, [reader(a), reader(b)]);
  const pathOf = async (element?: (typeof elements)[number]) => {
    const points = [];
    for (const t of pathPoints(5)) {
      const read = interpolate(spec, reader(a), reader(b), t, element);
      points.push({ t, ...(await loss(write(await readAll(Object.keys(a), read)))) });
    }
    return points;
  };
  const aligned = await pathOf(elements[1]);
  for (const { loss: value } of aligned) expect(value).toBeCloseTo(aligned[0].loss, 4);
  const plain = await pathOf();
  expect(plain[4].loss).toBeCloseTo(plain[0].loss, 4); // the ends compute the same
  expect(Math.abs(plain[2].loss - plain[0].loss)).toBeGreaterThan(0.1); // control: their mean does not
  const few = { ...inputs, shape: [39, 7], data: inputs.data.subarray(7) };
  expect(() => inputBatches(graph, { x: few })).toThrow(/4 examples at once, got 39/);
  expect(() => inputBatches(graph, { x: inputs, y: labels })).toThrow(/no array for the input/);
});
