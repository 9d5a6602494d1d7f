// Trainings that draw their own training and validation networks: what is tested stays, what teaches does not.

import { expect, test } from "vitest";
import { deriveSeed, randomStream } from "../../src/core/random.ts";
import { memoryStore, type ZooStore } from "../../src/core/store.ts";
import { redrawn } from "../../src/experiment/data/redraw.ts";
import { openRunList } from "../../src/experiment/lists/run-lists.ts";
import { keepWork } from "../../src/experiment/lists/work-files.ts";
import { type ExperimentOutcome, runExperiment } from "../../src/experiment/run-experiment.ts";
import type { ExperimentSettings } from "../../src/experiment/settings.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { splitPositions, type WeightDataset } from "../../src/train/dataset.ts";

const [runs, checkpoints] = [40, 3];
const size = runs * checkpoints;
const random = randomStream(3);
const spec = mlpSpec([2, 3, 1]);
/** Random networks with random targets. */
const dataset: WeightDataset = {
  spec,
  size,
  tensors: Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => {
      const numbers = size * shape.reduce((product, length) => product * length, 1);
      return [name, { shape, data: Float32Array.from({ length: numbers }, () => random.normal()) }];
    }),
  ),
  targets: Float32Array.from({ length: size }, () => random.uniform()),
  groups: Array.from({ length: size }, (_, i) => Math.floor(i / checkpoints)),
};

const settings = {
  models: [{ name: "stat-nn", options: { head: [4, 1] } }],
  seeds: 3,
  seed: 2,
  split: [0.5, 0.25, 0.25],
  budget: { epochs: 2, batchSize: 8, rate: 1e-2 },
  resplit: true,
} as const;

async function outcomeOf(given: ExperimentSettings, store: ZooStore = memoryStore()) {
  let outcome: ExperimentOutcome | undefined;
  for await (const event of runExperiment({ dataset, settings: given, store }))
    if (event.type === "done") outcome = event.outcome;
  if (outcome === undefined) throw new Error("no outcome");
  return outcome;
}

const ascending = (positions: readonly number[]) => positions.toSorted((a, b) => a - b);

test("every training draws other runs from those that are not tested, whole ones", () => {
  const [train, validation] = splitPositions(
    dataset,
    settings.split,
    deriveSeed(settings.seed, "split"),
  );
  const pool = ascending([...train, ...validation]);
  const drawn = redrawn(dataset, settings);
  expect(drawn).toHaveLength(settings.seeds);
  for (const taught of drawn) {
    expect(ascending([...taught.train, ...taught.validation])).toEqual(pool);
    expect(taught.validation).toHaveLength(validation.length);
    const groupOf = (i: number) => dataset.groups?.[i];
    const taughtRuns = new Set(taught.train.map(groupOf));
    expect(taught.validation.some((i) => taughtRuns.has(groupOf(i)))).toBe(false);
  }
  expect(new Set(drawn.map((taught) => String(ascending(taught.validation)))).size).toBe(3);
  expect(redrawn(dataset, { ...settings, resplit: false })).toEqual([]); // control
});

test("trainings are those of their own networks, and judged on the same ones", async () => {
  const [own, shared] = [
    await outcomeOf(settings),
    await outcomeOf({ ...settings, resplit: false }),
  ];
  expect(own.predictions.split).toEqual(shared.predictions.split);
  expect(own.predictions.actual).toEqual(shared.predictions.actual);
  expect(own.predictions.validations).toEqual(
    redrawn(dataset, settings).map((taught) => taught.validation),
  );
  expect(shared.predictions.validations).toBeUndefined();
  for (const [i, { seed, predicted }] of own.predictions.trainings.entries()) {
    expect(shared.predictions.trainings[i].seed).toBe(seed);
    expect(predicted).not.toEqual(shared.predictions.trainings[i].predicted); // control
  }
});

test("workers elsewhere make the same runs from the store", async () => {
  const unitsOf = async (given: ExperimentSettings) => {
    const store = memoryStore();
    await keepWork(store, dataset, given, () => undefined);
    return openRunList(store, "runs");
  };
  const [own, shared] = [await unitsOf(settings), await unitsOf({ ...settings, resplit: false })];
  expect(own.list.units.map(({ id }) => id)).not.toEqual(shared.list.units.map(({ id }) => id));
  /** Places in ascending order: targets are scaled. */
  const orderOf = (numbers: ArrayLike<number>) =>
    Array.from(numbers, (_, i) => i).sort((a, b) => numbers[a] - numbers[b]);
  for (const [number, taught] of redrawn(dataset, settings).entries()) {
    const expected = orderOf(taught.validation.map((i) => dataset.targets[i]));
    expect(orderOf(own.runs[number].request.validation.targets)).toEqual(expected);
    expect(orderOf(shared.runs[number].request.validation.targets)).not.toEqual(expected); // control
  }
});
