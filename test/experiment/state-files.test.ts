// Small files that long work keeps: cut to half, to nothing, or of another version, each is named; it is refused, or made anew where
// nothing is lost by that.

import { beforeAll, describe, expect, test } from "vitest";
import { FormatError, OptionError } from "../../src/core/errors.ts";
import { memoryStore, type ZooStore } from "../../src/core/store.ts";
import { keepWork, readWork } from "../../src/experiment/lists/work-files.ts";
import { runExperiment } from "../../src/experiment/run-experiment.ts";
import type { ExperimentSettings } from "../../src/experiment/settings.ts";
import { folderStore } from "../../src/node/folder-store.ts";
import { keepEvaluation, readEvaluation } from "../../src/optimizers/evaluate/evaluation-list.ts";
import {
  checkArithmetic,
  keepArithmetic,
  keepUnit,
  readUnit,
} from "../../src/optimizers/evaluate/kept-units.ts";
import { openZoo } from "../../src/zoo/open.ts";
import { zooDataset, type ZooDataset } from "../../src/zoo/zoo-dataset.ts";

const settings: ExperimentSettings = {
  models: [{ name: "linear", options: {} }],
  seeds: 1,
  seed: 0,
  split: [0.5, 0.25, 0.25],
  budget: { epochs: 1, batchSize: 4, rate: 0.003 },
};
const evaluation = {
  task: "digits-mlp",
  optimizers: [{ name: "adam" }],
  seeds: 1,
  steps: 10,
  every: 5,
  seed: 0,
};

let dataset: ZooDataset;
beforeAll(async () => {
  const folder = new URL("../fixtures/version-0.1/zoo", import.meta.url).pathname;
  dataset = await zooDataset(await openZoo(folderStore(folder)));
});

/** Changes a file, and gives what it was. */
async function change(store: ZooStore, name: string, how: (text: Uint8Array) => Uint8Array) {
  const bytes = (await store.read(name)) ?? new Uint8Array(0);
  expect(bytes.length).toBeGreaterThan(0);
  await store.write(name, how(bytes));
  return bytes;
}
const cuts = {
  "cut to half": (bytes: Uint8Array) => bytes.slice(0, bytes.length >> 1),
  "cut to nothing": () => new Uint8Array(0),
};
const withVersion = (to: string) => (bytes: Uint8Array) =>
  new TextEncoder().encode(new TextDecoder().decode(bytes).replace(/@\d+"/, `@${to}"`));

/** What is told while something is kept. */
async function told(keep: (warn: (message: string) => void) => Promise<unknown>) {
  const warnings: string[] = [];
  await keep((message) => warnings.push(message));
  return warnings;
}

describe.each(Object.entries(cuts))("%s", (_, cut) => {
  test.each(["experiment-work.json", "experiment-data.safetensors"])(
    "%s is named to workers, and made anew with a warning",
    async (name) => {
      const store = memoryStore("runs");
      const keep = () => told((warn) => keepWork(store, dataset, settings, warn));
      expect(await keep()).toEqual([]);
      const sound = await change(store, name, cut);
      await expect(readWork(store)).rejects.toThrow(FormatError);
      expect(await keep()).toEqual([`${name} in runs is damaged; it is written anew`]);
      expect(await store.read(name)).toEqual(sound);
      expect(await keep()).toEqual([]);
      await expect(readWork(store)).resolves.toMatchObject({ settings }); // control
    },
  );

  test("evaluation-work.json, too; a unit is measured anew, which is told", async () => {
    const store = memoryStore("units");
    const keep = () => told((warn) => keepEvaluation(store, evaluation, warn));
    expect(await keep()).toEqual([]);
    await change(store, "evaluation-work.json", cut);
    await expect(readEvaluation(store)).rejects.toThrow(FormatError);
    expect(await keep()).toEqual(["evaluation-work.json in units is damaged; it is written anew"]);
    await expect(readEvaluation(store)).resolves.toMatchObject({ task: "digits-mlp" });
    const curves = { steps: [5], test: [[1]], train: [[1]], secondsPerStep: 1 };
    await keepUnit(store, "adam.json", { optimizer: "adam", rate: 1, tried: [], curves });
    expect(await told((warn) => readUnit(store, "adam.json", warn))).toEqual([]);
    await change(store, "adam.json", cut);
    expect(await told((warn) => readUnit(store, "adam.json", warn))).toEqual([
      "adam.json in units is damaged; it is measured anew",
    ]);
  });

  test("files of a run are made anew with a warning, settings are refused", async () => {
    const store = memoryStore("runs");
    const run = () =>
      told(async (warn) => {
        for await (const event of runExperiment({ dataset, settings, store }))
          if (event.type === "warning") warn(event.message);
      });
    expect(await run()).toEqual([]);
    const sound = await change(store, "linear-0.json", cut);
    expect(await run()).toEqual([expect.stringMatching(/^linear-0\.json in runs is damaged/)]);
    expect(await store.read("linear-0.json")).toEqual(sound);
    await change(store, "experiment-settings.json", cut);
    await expect(run()).rejects.toThrow(/experiment-settings\.json in runs is damaged/);
  });
});

test("work of another version is refused, not overwritten", async () => {
  const [runs, units] = [memoryStore("runs"), memoryStore("units")];
  const nothing = () => undefined;
  await keepWork(runs, dataset, settings, nothing);
  await keepEvaluation(units, evaluation);
  for (const [store, name, keep] of [
    [runs, "experiment-work.json", () => keepWork(runs, dataset, settings, nothing)],
    [units, "evaluation-work.json", () => keepEvaluation(units, evaluation)],
  ] as const) {
    await change(store, name, withVersion("7"));
    const before = await store.read(name);
    await expect(keep()).rejects.toThrow(OptionError);
    await expect(keep()).rejects.toThrow(
      /is of format weightspace\/.*@7, this version writes .*@1/,
    );
    expect(await store.read(name)).toEqual(before);
  }
});

test("units that round otherwise are refused; those of earlier versions are taken, which is told", async () => {
  const store = memoryStore("units");
  expect(await checkArithmetic(store)).toBeUndefined();
  expect(await store.list()).toEqual([]);
  await keepArithmetic(store);
  await keepArithmetic(store);
  expect(await checkArithmetic(store)).toBeUndefined();
  const other = (bytes: Uint8Array) => {
    const text = new TextDecoder().decode(bytes);
    return new TextEncoder().encode(
      text.replace(/fma|plain/, (own) => (own === "fma" ? "plain" : "fma")),
    );
  };
  await change(store, "evaluation-settings.json", other);
  for (const refuses of [checkArithmetic, keepArithmetic])
    await expect(refuses(store)).rejects.toThrow(/units whose measuring was begun with/);
  await store.remove("evaluation-settings.json");
  await store.write("adam-0123456789abcdef.json", new Uint8Array(1));
  expect(await checkArithmetic(store)).toMatch(/did not record how they round/);
  await keepArithmetic(store);
  expect(await store.list()).toEqual(["adam-0123456789abcdef.json"]); // nobody claims to know afterwards
});
