// Linear models are solved for: the solution is where the penalised loss is least, which steps of training do not reach.

import { beforeAll, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { disposeArrays } from "../../src/engine/arrays.ts";
import { startEngine } from "../../src/engine/start.ts";
import { buildModel } from "../../src/models/registry.ts";
import { readCheckpoint } from "../../src/train/checkpoint.ts";
import { splitDataset, type WeightDataset } from "../../src/train/dataset.ts";
import { fit } from "../../src/train/fit.ts";
import {
  binaryCrossEntropy,
  meanSquaredError,
  pairwiseLogistic,
} from "../../src/train/measures/objectives.ts";
import { predict } from "../../src/train/predict.ts";
import { isSolvable, solveCoefficients, solveLinear } from "../../src/train/solve-linear.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { collect } from "../support/events.ts";
import { liveArrays } from "../support/live-arrays.ts";

beforeAll(() => startEngine());

const random = randomStream(23);
const width = 4;
const truth = [1.5, -2, 0.5, 0, -0.3];
const rows = Array.from({ length: 4000 }, () =>
  Float64Array.from([...Array.from({ length: width }, () => random.normal()), 1]),
);
const output = (row: Float64Array, coefficients: ArrayLike<number>) =>
  row.reduce((sum, value, j) => sum + value * coefficients[j], 0);

test("numbers: the coefficients are those of ridge regression, of any other the loss is higher", () => {
  const targets = rows.map((row) => output(row, truth) + 0.1 * random.normal());
  const penalty = 0.5;
  const solved = solveCoefficients(rows, targets, "mean-squared-error", penalty);
  const loss = (coefficients: ArrayLike<number>) =>
    rows.reduce((sum, row, i) => sum + (output(row, coefficients) - targets[i]) ** 2, 0) /
      rows.length +
    (penalty / 2) *
      Array.from(coefficients)
        .slice(0, -1)
        .reduce((sum, w) => sum + w * w, 0);
  for (let j = 0; j <= width; j++)
    for (const step of [-1e-4, 1e-4]) {
      const moved = solved.map((value, k) => (k === j ? value + step : value));
      expect(loss(moved)).toBeGreaterThan(loss(solved));
    }
  expect(loss(truth)).toBeGreaterThan(loss(solved)); // the penalty draws it away from the truth
  const free = solveCoefficients(rows, targets, "mean-squared-error", 0);
  for (const [j, value] of truth.entries()) expect(Math.abs(free[j] - value)).toBeLessThan(0.01);
});

test("shares: the coefficients that drew labels come back", () => {
  const targets = rows.map((row) =>
    random.uniform() < 1 / (1 + Math.exp(-output(row, truth))) ? 1 : 0,
  );
  const solved = solveCoefficients(rows, targets, "binary-cross-entropy", 1e-6);
  for (const [j, value] of truth.entries()) expect(Math.abs(solved[j] - value)).toBeLessThan(0.2);
  const other = solveCoefficients(rows, targets.toReversed(), "binary-cross-entropy", 1e-6);
  expect(Math.abs(other[0] - truth[0])).toBeGreaterThan(1);
});

test("labels that a plane divides have a solution too: the penalty keeps it finite", () => {
  const targets = rows.map((row) => (output(row, truth) > 0 ? 1 : 0));
  const solved = solveCoefficients(rows, targets, "binary-cross-entropy", 1e-6);
  expect(solved.every(Number.isFinite)).toBe(true);
});

/** Networks of an MLP whose target is a share that depends on the spread of their first tensor; one tensor is always the same. */
function population(size: number): WeightDataset {
  const spec = mlpSpec([3, 4, 2]);
  const names = Object.keys(spec.tensors);
  const tensors = Object.fromEntries(
    names.map((name) => {
      const { shape } = spec.tensors[name];
      const entries = shape.reduce((product, length) => product * length, 1);
      return [name, { shape: [...shape], data: new Float32Array(size * entries) }];
    }),
  );
  const targets = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const spread = 0.5 + random.uniform();
    for (const [k, name] of names.entries()) {
      const { data } = tensors[name];
      const entries = data.length / size;
      for (let j = 0; j < entries; j++)
        data[i * entries + j] = k === 0 ? spread * random.normal() : k === 1 ? 7 : random.normal();
    }
    targets[i] = 1 / (1 + Math.exp(-8 * (spread - 1)));
  }
  return { spec, size, tensors, targets };
}

test("the model that is solved for has a lower loss than one that is trained, and predicts as its checkpoint says", async () => {
  const [train, validation] = splitDataset(population(300), [0.7, 0.3], 0);
  const model = buildModel("linear", train.spec, {});
  const live = await liveArrays();
  const before = live();
  const options = { objective: binaryCrossEntropy, notes: { kept: true }, batchSize: 32 };
  const { params, history, checkpoint } = await solveLinear(model, { train, validation }, options);
  const [record] = history;
  const { done } = await collect(
    fit(model, { train, validation }, { epochs: 30, seed: 0, batchSize: 16, rate: 3e-3 }),
  );
  expect(record.trainLoss).toBeLessThan(done.history[29].trainLoss);
  expect(record.validMetric).toBeGreaterThan(done.history[29].validMetric ?? 1);
  const predicted = await predict(model, params, validation, { objective: binaryCrossEntropy });
  const loss = predicted.reduce((sum, share, i) => {
    const target = validation.targets[i];
    return sum - target * Math.log(share) - (1 - target) * Math.log(1 - share);
  }, 0);
  expect(Math.abs(loss / validation.size - (record.validLoss ?? 0))).toBeLessThan(1e-4);
  const read = await readCheckpoint(checkpoint);
  expect(read.notes).toEqual({ kept: true });
  expect(read.best?.["dense0.weight"].data).toEqual(read.params["dense0.weight"].data);
  disposeArrays(params);
  expect(live()).toBe(before);
});

test("what is not linear, or not convex, is not solved for", async () => {
  const [train] = splitDataset(population(20), [0.7, 0.3], 0);
  const linear = buildModel("linear", train.spec, {});
  const options = { notes: {}, batchSize: 8 };
  expect(isSolvable(linear, meanSquaredError)).toBe(true);
  expect(isSolvable(linear, pairwiseLogistic)).toBe(false);
  await expect(
    solveLinear(linear, { train }, { ...options, objective: pairwiseLogistic }),
  ).rejects.toThrow(/pairwise-logistic is trained by steps/);
  const sets = buildModel("deep-sets", train.spec, {});
  expect(isSolvable(sets, meanSquaredError)).toBe(false);
});
