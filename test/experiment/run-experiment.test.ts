// Experiments: resumed ones end like uninterrupted ones; invariant models do not see a reordering; results are complete.

import { beforeAll, describe, expect, test } from "vitest";
import { EnvironmentError } from "../../src/core/errors.ts";
import { moveDataset } from "../../src/experiment/data/move-dataset.ts";
import {
  type ExperimentEvent,
  type ExperimentOutcome,
  runExperiment,
} from "../../src/node/run-experiment.ts";
import { zooDataset, type ZooDataset } from "../../src/zoo/zoo-dataset.ts";
import { digitsTasks } from "../../src/tasks/digits.ts";
import { readPackageData } from "../../src/node/package-data.ts";
import { buildZoo } from "../../src/node/build-zoo.ts";
import { openZoo } from "../../src/zoo/open.ts";
import { digitsRecipe } from "../../src/zoo/recipe.ts";
import { memoryStore, type ZooStore } from "../../src/core/store.ts";
import type { ExperimentSettings } from "../../src/experiment/settings.ts";

const settings = {
  models: [
    { name: "stat-nn", options: { head: [8, 1] } },
    { name: "unf", options: { channels: [1, 2], head: [4, 1] } },
    { name: "flat-mlp", options: { head: [8, 1] } },
  ],
  seeds: 2,
  seed: 5,
  split: [0.5, 0.2, 0.3],
  budget: { epochs: 3, batchSize: 16, rate: 3e-3, clipNorm: 1 },
} as const;

let dataset: ZooDataset;
beforeAll(async () => {
  const store = memoryStore();
  const recipe = {
    ...digitsRecipe,
    steps: { fullChance: 0.3, range: [5, 60] as [number, number] },
  };
  for await (const event of buildZoo({ recipe, networks: 60, seed: 1, store, workers: 0 }))
    void event;
  dataset = await zooDataset(await openZoo(store));
});

async function finish(
  events: AsyncIterable<ExperimentEvent>,
): Promise<ExperimentOutcome | undefined> {
  let outcome: ExperimentOutcome | undefined;
  for await (const event of events) if (event.type === "done") outcome = event.outcome;
  return outcome;
}

const withoutTimes = (outcome: ExperimentOutcome | undefined) =>
  outcome && { ...outcome, rows: outcome.rows.map((row) => ({ ...row, seconds: 0 })) };

/** Runs an experiment that is aborted after every few events, and goes on until it has an outcome. */
async function finishInterrupted(
  given: ExperimentSettings,
  store: ZooStore,
  every = 7,
): Promise<ExperimentOutcome | undefined> {
  let outcome: ExperimentOutcome | undefined;
  let interruptions = 0;
  while (outcome === undefined) {
    const controller = new AbortController();
    const { signal } = controller;
    let seen = 0;
    for await (const event of runExperiment({
      dataset,
      settings: given,
      store,
      workers: 1,
      signal,
    })) {
      if (event.type === "progress" && ++seen === every) controller.abort();
      if (event.type === "done") outcome = event.outcome;
    }
    if (outcome === undefined) interruptions++;
    expect(interruptions).toBeLessThan(20);
  }
  expect(interruptions).toBeGreaterThan(1);
  return outcome;
}

describe("an experiment", () => {
  test("with a search by halving that is interrupted ends with the same results", async () => {
    const [statNN] = settings.models;
    const given = { ...settings, models: [statNN], tuning: { seconds: 0.001, epochs: 3 } };
    const whole = await finish(
      runExperiment({ dataset, settings: given, store: memoryStore(), workers: 2 }),
    );
    const shapes = whole?.tuning.map(({ passes }) => passes);
    expect(shapes?.slice(0, 5)).toEqual([1, 1, 1, 1, 3]); // three, one of them, and it again
    expect(shapes?.slice(5).every((passes) => passes === 3)).toBe(true); // rates beside it
    const again = await finishInterrupted(given, memoryStore(), 9);
    const plain = (outcome: ExperimentOutcome | undefined) => ({
      ...withoutTimes(outcome),
      tuning: outcome?.tuning.map((row) => ({ ...row, seconds: 0 })),
    });
    expect(plain(again)).toEqual(plain(whole));
    expect(whole?.tuning.filter(({ chosen }) => chosen)).toHaveLength(1);
  });

  test("interrupted between and within runs ends with the same results", async () => {
    const whole = await finish(
      runExperiment({ dataset, settings, store: memoryStore(), workers: 2 }),
    );
    expect(whole?.rows.map(({ model }) => model).toSorted()).toEqual([
      "flat-mlp",
      "stat-nn",
      "unf",
    ]);
    expect(whole?.curves).toHaveLength(6);
    expect(whole?.scatter).toHaveLength(3 * (whole?.sizes.test ?? 0));

    const store = memoryStore();
    expect(withoutTimes(await finishInterrupted(settings, store))).toEqual(withoutTimes(whole));

    // What the table says of invariance, and its control.
    const row = (name: string) => whole?.rows.find(({ model }) => model === name);
    expect(row("unf")?.maxPredictionChange).toBeLessThan(1e-4);
    expect(row("stat-nn")?.maxPredictionChange).toBeLessThan(1e-4);
    expect(row("flat-mlp")?.maxPredictionChange).toBeGreaterThan(1e-3);
    expect(row("unf")?.tauMovedMean).toBe(row("unf")?.tauMean);
    expect(whole?.rows.at(-1)?.model).toBe("flat-mlp"); // controls last

    const other = { ...settings, seeds: 3 };
    await expect(
      finish(runExperiment({ dataset, settings: other, store, workers: 1 })),
    ).rejects.toThrow(/seeds 2, got 3; choose another folder/);
  });

  test("tells the results of functionals that are finished before the last one is, as they stay", async () => {
    const events: ExperimentEvent[] = [];
    for await (const event of runExperiment({
      dataset,
      settings,
      store: memoryStore(),
      workers: 1,
    }))
      events.push(event);
    const early = events.flatMap((event, i) => (event.type === "results" ? [{ event, i }] : []));
    expect(early.map(({ event }) => [event.finished, event.models])).toEqual([
      [1, 3],
      [2, 3],
    ]);
    const done = events.at(-1);
    if (done?.type !== "done") throw new Error("expected an outcome at the end");
    const lastRun = events.findLastIndex(({ type }) => type === "run");
    for (const { event, i } of early) {
      expect(i).toBeLessThan(lastRun);
      expect(event.outcome.rows).toHaveLength(event.finished);
      for (const row of event.outcome.rows) {
        const { tauInterval: _, ...own } = row; // its resampling is drawn for all models together
        expect(done.outcome.rows.find(({ model }) => model === row.model)).toMatchObject(own);
      }
    }
  });

  test("a killed worker is one clear error; finished runs stay and the rest goes on later", async () => {
    const store = memoryStore();
    const workerEntry = new URL("../node/dying-worker.js", import.meta.url);
    const dying = finish(runExperiment({ dataset, settings, store, workers: 2, workerEntry }));
    await expect(dying).rejects.toThrow(EnvironmentError);
    await expect(
      finish(runExperiment({ dataset, settings, store, workers: 2, workerEntry })),
    ).rejects.toThrow(/the worker training stat-nn .* was killed; run again/);
    expect(await finish(runExperiment({ dataset, settings, store, workers: 2 }))).toBeDefined();
  });

  test("two at once in one place: the second is refused, the first goes on", async () => {
    const store = memoryStore();
    const first = runExperiment({ dataset, settings, store, workers: 1 });
    expect((await first.next()).value).toMatchObject({ type: "start" });
    await expect(finish(runExperiment({ dataset, settings, store, workers: 1 }))).rejects.toThrow(
      /is in use by/,
    );
    await first.return(undefined);
    expect(await finish(runExperiment({ dataset, settings, store, workers: 2 }))).toBeDefined();
  });

  test("a full disk is one clear error; what was written stays", async () => {
    const store = memoryStore();
    let writes = 0;
    const filling = {
      ...store,
      write: async (name: string, bytes: Uint8Array) => {
        if (++writes > 5) throw new EnvironmentError(`cannot write ${name}: the disk is full`);
        await store.write(name, bytes);
      },
    };
    await expect(
      finish(runExperiment({ dataset, settings, store: filling, workers: 1 })),
    ).rejects.toThrow(/disk is full/);
    const outcome = await finish(runExperiment({ dataset, settings, store, workers: 2 }));
    expect(outcome?.rows).toHaveLength(3);
  });

  test("moved networks compute the same function with other weights", async () => {
    const task = await digitsTasks.digits.create(await readPackageData("uci-digits.csv.gz"));
    const moved = moveDataset(dataset, 3);
    expect(moved.tensors["fc1.weight"].data).not.toEqual(dataset.tensors["fc1.weight"].data);
    const { features, train } = task;
    const pixels = Array.from(train.inputs.slice(0, features));
    const logits = ({ tensors }: typeof moved, network: number) => {
      const entry = (name: string, at: number, size: number) =>
        tensors[name].data[network * size + at];
      const hidden = Array.from({ length: 32 }, (_, h) =>
        Math.max(
          0,
          pixels.reduce(
            (sum, x, i) => sum + x * entry("fc1.weight", h * 64 + i, 2048),
            entry("fc1.bias", h, 32),
          ),
        ),
      );
      return Array.from({ length: 10 }, (_, c) =>
        hidden.reduce(
          (sum, x, h) => sum + x * entry("fc2.weight", c * 32 + h, 320),
          entry("fc2.bias", c, 10),
        ),
      );
    };
    for (const network of [0, 7]) {
      const [before, after] = [logits(dataset, network), logits(moved, network)];
      for (const [i, value] of before.entries()) expect(after[i]).toBeCloseTo(value, 4);
      expect(
        logits(
          { ...dataset, tensors: { ...dataset.tensors, "fc1.bias": moved.tensors["fc1.bias"] } },
          network,
        ),
      ).not.toEqual(before);
    }
  });
});
