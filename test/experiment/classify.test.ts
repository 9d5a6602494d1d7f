import { beforeAll, expect, test } from "vitest";
import { memoryStore } from "../../src/core/store.ts";
import { startEngine } from "../../src/engine/start.ts";
import { runClassification, withClassOutputs } from "../../src/experiment/classify.ts";
import { runExperiment } from "../../src/experiment/run-experiment.ts";
import type { ExperimentSettings } from "../../src/experiment/settings.ts";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import type { WeightDataset } from "../../src/train/dataset.ts";
import { targetsOf } from "../../src/train/target.ts";

beforeAll(() => startEngine());

const spec = mlpSpec([3, 6, 2]);
const target = {
  name: "kind",
  unit: "",
  summary: "kind of network",
  better: "higher",
  classes: 3,
} as const;

/** Networks whose weights are as large as their class says; the class of every one is drawn, or wrong on purpose. */
function networks(count: number, isRelated: boolean): WeightDataset {
  const random = randomStream(7);
  const classes = Array.from({ length: count }, () => random.integer(3));
  const told = isRelated ? classes : classes.map(() => random.integer(3));
  const tensors = Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => [
      name,
      {
        shape,
        data: Float32Array.from(
          { length: count * sizeOf(shape) },
          (_, i) => 3 ** classes[Math.floor(i / sizeOf(shape))] * random.normal(),
        ),
      },
    ]),
  );
  return { spec, size: count, tensors, targets: targetsOf(told, target), target };
}

const settings: ExperimentSettings = {
  models: [
    { name: "stat-nn", options: {} },
    { name: "linear", options: {} },
    { name: "unf", options: { channels: [1, 4], head: [16, 3] } },
    { name: "flat-mlp", options: { head: [16, 3] } },
  ],
  seeds: 2,
  seed: 0,
  split: [0.6, 0.2, 0.2],
  budget: { epochs: 12, batchSize: 16, rate: 0.01 },
};

async function rowsOf(dataset: WeightDataset, models = settings.models) {
  const asked = { dataset, settings: { ...settings, models }, store: memoryStore() };
  for await (const event of runClassification(asked))
    if (event.type === "done") return event.outcome.rows;
  throw new Error("no rows");
}

test("classes that weights tell are read off them, those that they do not tell are not", async () => {
  const rows = await rowsOf(networks(300, true));
  expect(rows.map(({ model }) => model).toSorted()).toEqual([
    "flat-mlp",
    "linear",
    "stat-nn",
    "unf",
  ]);
  for (const { model, accuracyMean, seeds } of rows) {
    expect(seeds).toBe(2);
    if (["stat-nn", "unf"].includes(model)) expect(accuracyMean).toBeGreaterThan(0.85);
  }
  const chance = await rowsOf(networks(300, false), settings.models.slice(0, 1));
  for (const { accuracyMean } of chance) expect(accuracyMean).toBeLessThan(0.6);
});

test("invariant functionals say the same after the group acted, a plain network does not", async () => {
  const rows = await rowsOf(networks(200, true));
  for (const { model, agreementMean, accuracyMean, movedMean } of rows) {
    if (model === "flat-mlp") expect(agreementMean).toBeLessThan(1);
    else expect([agreementMean, movedMean]).toEqual([1, accuracyMean]);
  }
});

test("a class is refused where a number is expected, a number where a class is, and heads of other sizes", async () => {
  const store = memoryStore();
  const ofClass = networks(40, true);
  await expect(runExperiment({ dataset: ofClass, settings, store }).next()).rejects.toThrow(
    /one of 3 classes, expected a number/,
  );
  const { target: _, ...plain } = ofClass;
  const ofNumber = { ...plain, targets: new Float32Array(40) };
  await expect(runClassification({ dataset: ofNumber, settings, store }).next()).rejects.toThrow(
    /expected a class/,
  );
  const narrow = { ...settings, models: [{ name: "unf", options: { head: [16, 1] } }] };
  expect(() => withClassOutputs(narrow, 3)).toThrow(/ends in 1, expected 3/);
  expect(() => targetsOf([0, 3], target)).toThrow(/network 1 is 3, expected a class from 0 to 2/);
});
