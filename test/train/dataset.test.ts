// Datasets: what is refused, splits, normalisation, the order of batches.

import { describe, expect, test } from "vitest";
import { batchPlan, evaluationBatches } from "../../src/train/batches.ts";
import { checkDataset, splitDataset, subset, type WeightDataset } from "../../src/train/dataset.ts";
import { fitNormalization, normalize } from "../../src/train/normalization.ts";
import { linearDataset } from "../support/linear-model.ts";

const dataset = linearDataset(10, 0);
const withTensor = (name: string, shape: number[], data: Float32Array): WeightDataset => ({
  ...dataset,
  tensors: { ...dataset.tensors, [name]: { shape, data } },
});

test("a sound dataset passes", () => {
  expect(() => checkDataset(dataset)).not.toThrow();
});

test("a dataset that does not fit its spec is refused, naming tensor and network", () => {
  const { "fc1.bias": _, ...rest } = dataset.tensors;
  const { data } = dataset.tensors["fc1.bias"];
  const poisoned = data.map((value, i) => (i === 7 * 4 + 1 ? Number.NaN : value));
  const cases: [WeightDataset, string][] = [
    [{ ...dataset, tensors: rest }, `tensor "fc1.bias" of the spec is missing`],
    [withTensor("extra", [1], new Float32Array(10)), `tensor "extra" is not in the spec`],
    [withTensor("fc1.bias", [2, 2], data), "expected shape [4], got [2, 2]"],
    [withTensor("fc1.bias", [4], data.subarray(1)), "expected 40 numbers, got 39"],
    [withTensor("fc1.bias", [4], poisoned), `tensor "fc1.bias" of network 7 expected finite`],
    [{ ...dataset, targets: new Float32Array(9) }, "expected a multiple of 10 targets"],
    [{ ...dataset, targets: new Float32Array(10).fill(Infinity) }, "the target of network 0"],
  ];
  for (const [bad, message] of cases) expect(() => checkDataset(bad)).toThrow(message);
});

test("splits are disjoint, complete, and fixed by the seed", () => {
  const numbered = { ...dataset, targets: Float32Array.from({ length: 10 }, (_, i) => i) };
  const parts = splitDataset(numbered, [0.6, 0.2, 0.2], 3);
  expect(parts.map((part) => part.size)).toEqual([6, 2, 2]);
  const all = parts.flatMap((part) => Array.from(part.targets));
  expect(all.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(splitDataset(numbered, [0.6, 0.2, 0.2], 3)).toEqual(parts);
  expect(splitDataset(numbered, [0.6, 0.2, 0.2], 4)).not.toEqual(parts);
  expect(() => splitDataset(numbered, [0.9, 0.2], 0)).toThrow("add to at most 1");
  expect(() => splitDataset(numbered, [0.9, 0.01], 0)).toThrow("is empty");
});

describe("networks that are checkpoints of one run", () => {
  const numbered = linearDataset(60, 0);
  const groups = Array.from({ length: 60 }, (_, i) => Math.floor(i / 3)); // 20 runs of 3 checkpoints
  const runsShared = (
    parts: readonly WeightDataset[],
    runOf: (part: WeightDataset) => number[],
  ) => {
    const [a, b] = parts.map((part) => new Set(runOf(part)));
    return [...a].filter((run) => b.has(run)).length;
  };

  test("stay on one side of a split, whatever the seed; without their runs they leak (control)", () => {
    const position = Float32Array.from({ length: 60 }, (_, i) => i);
    let leaks = 0;
    for (let seed = 0; seed < 20; seed++) {
      const parts = splitDataset({ ...numbered, groups }, [0.5, 0.5], seed);
      expect(parts.map(({ size }) => size)).toEqual([30, 30]);
      expect(runsShared(parts, (part) => [...(part.groups ?? [])])).toBe(0);
      const blind = splitDataset({ ...numbered, targets: position }, [0.5, 0.5], seed);
      leaks += runsShared(blind, ({ targets }) => Array.from(targets, (i) => Math.floor(i / 3)));
    }
    expect(leaks).toBeGreaterThan(20 * 5);
  });

  test("runs of one network each split as if nothing was said about runs", () => {
    const alone = { ...numbered, groups: Array.from({ length: 60 }, (_, i) => 1000 - i) };
    const [plain, grouped] = [numbered, alone].map((data) => splitDataset(data, [0.7, 0.3], 4));
    expect(grouped.map(({ targets }) => targets)).toEqual(plain.map(({ targets }) => targets));
  });

  test("need one run each", () => {
    expect(() => checkDataset({ ...numbered, groups: groups.slice(1) })).toThrow(
      "expected the run of each of 60 networks, got 59 runs",
    );
    expect(() => splitDataset({ ...numbered, groups }, [0.99, 0.01], 0)).toThrow("use more runs");
  });
});

test("a subset carries weights and targets together", () => {
  const part = subset(dataset, [3, 3, 1]);
  expect(part.targets).toEqual(Float32Array.from([3, 3, 1], (i) => dataset.targets[i]));
  const { data } = dataset.tensors["fc1.bias"];
  expect(part.tensors["fc1.bias"].data.subarray(8)).toEqual(data.subarray(4, 8));
  expect(() => subset(dataset, [10])).toThrow("expected a network from 0 to 9, got 10");
});

test("a tensor's scale is a median over networks: one network that blew up does not change it", () => {
  const { scale } = fitNormalization(dataset)["fc1.weight"];
  const { shape, data } = dataset.tensors["fc1.weight"];
  const size = data.length / dataset.size;
  const wild = data.map((value, i) => (i < size ? 1e6 * value : value));
  const again = fitNormalization(withTensor("fc1.weight", [...shape], wild))["fc1.weight"].scale;
  expect(again / scale).toBeGreaterThan(0.8);
  expect(again / scale).toBeLessThan(1.25);
  const larger = fitNormalization(
    withTensor(
      "fc1.weight",
      [...shape],
      data.map((value) => 3 * value),
    ),
  );
  expect(larger["fc1.weight"].scale).toBeCloseTo(3 * scale, 5); // control: all networks do
});

test("normalised weights are asinh(weight / scale); tensors of zeros survive, unknown ones are named", () => {
  const zeros = withTensor("fc1.bias", [4], new Float32Array(40));
  const scales = fitNormalization(zeros);
  const result = normalize(zeros, scales);
  const [before, after] = [zeros, result].map(({ tensors }) => tensors["fc1.weight"].data);
  for (const [i, value] of after.entries())
    expect(Math.sinh(value) * scales["fc1.weight"].scale).toBeCloseTo(before[i], 5);
  expect(result.tensors["fc1.bias"].data.every((value) => value === 0)).toBe(true);
  expect(() => normalize(zeros, {})).toThrow(`tensor "fc1.weight" has no scale`);
});

test("every epoch is a fresh shuffle in full batches, fixed by seed and epoch", () => {
  const plan = batchPlan(10, 4, 5);
  expect(plan.batches).toBe(2);
  const epoch = (e: number, p = plan) => [...p.indices(e, 0), ...p.indices(e, 1)];
  expect(new Set(epoch(0)).size).toBe(8);
  expect(epoch(1)).not.toEqual(epoch(0));
  expect(epoch(0)).toEqual(epoch(0, batchPlan(10, 4, 5)));
  expect(epoch(0)).not.toEqual(epoch(0, batchPlan(10, 4, 6)));
  expect(batchPlan(3, 32, 0)).toMatchObject({ batchSize: 3, batches: 1 });
  expect(() => batchPlan(3, 0, 0)).toThrow("batch size expected");
});

test("evaluation covers every network once, the last batch filled up to one size", () => {
  const batches = evaluationBatches(10, 4);
  expect(batches.map(({ indices }) => indices.length)).toEqual([4, 4, 4]);
  expect(batches.flatMap(({ indices, count }) => indices.slice(0, count))).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
  ]);
});
