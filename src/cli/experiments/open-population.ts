// A population of networks from a folder, as training data: a zoo of this project, or one published by others in its own
// format, told apart by the files in the folder.

import { join, resolve } from "node:path";
import { EnvironmentError, OptionError } from "../../core/errors.ts";
import { pluginDifferences } from "../../core/plugins.ts";
import { specFromJSON } from "../../symmetry/json.ts";
import { accuracyTarget, type MetricInfo } from "../../core/metric-info.ts";
import type { WeightDataset } from "../../train/dataset.ts";
import type { NamedText } from "../../datasets/published/population.ts";
import type { ZooStore } from "../../core/store.ts";
import { readJson } from "../../node/files.ts";
import { folderStore } from "../../node/folder-store.ts";
import { openStore } from "../../node/open-store.ts";
import type { Output } from "../app/output.ts";

/** A network that is not in the dataset. */
export interface LeftOut {
  readonly network: string;
  readonly reason: string;
}

/** How many networks are not in the dataset, by reason. */
export interface LeftOutCounts {
  /** Their files are damaged. */
  readonly damaged: number;
  /** Their weights are not finite. */
  readonly notFinite: number;
  /** They are planned and not built yet. */
  readonly missing: number;
}

export interface OpenedPopulation {
  readonly dataset: WeightDataset;
  /** What every network is called, in the order of the dataset. */
  readonly names: readonly string[];
  /** What the networks are, in a few words. */
  readonly description: string;
  /** The task that they were trained on, by name, where the population says so. */
  readonly task?: string;
  /** What is left out, one sentence each. */
  readonly problems: readonly string[];
  /** The networks left out that are there, damaged or not finite. */
  readonly leftOut: readonly LeftOut[];
  readonly counts: LeftOutCounts;
}

export interface PopulationOptions {
  /** The metric to predict, by name, of populations that are measured by several. @default the population's own */
  readonly target?: string | undefined;
  readonly checkpoints?: "last" | "all" | undefined;
  /** Conditions on columns, of published populations only. */
  readonly where?: Readonly<Record<string, string>> | undefined;
  /** File with the spec of a published population. */
  readonly spec?: string | undefined;
  /** Goes on without the networks of damaged shards, which `problems` and `counts` tell of. @default a refusal */
  readonly allowDamaged?: boolean | undefined;
}

/** The option of commands that read a population. */
export const allowDamagedOption = [
  "--allow-damaged",
  "go on without the networks of damaged shards, and say how many",
] as const;

/** What a dataset's targets are, as results keep it; undefined for the accuracy of classifiers on test data. */
export function namedTarget({
  target,
}: Pick<WeightDataset, "target">): Pick<MetricInfo, "name" | "unit" | "summary"> | undefined {
  if (target === undefined || target.name === accuracyTarget.name) return undefined;
  const { name, unit, summary } = target;
  return { name, unit, summary };
}

/** The option of commands that learn a target of a population. */
export const targetOption = [
  "--target <metric>",
  "what to predict: a metric of the population, as zoo info lists them; default its own",
] as const;

/** Tells on standard error what a population leaves out. */
export function warnOfProblems({ problems }: OpenedPopulation, output: Pick<Output, "note">): void {
  for (const problem of problems) output.note(`warning: ${problem}`);
}

const notFinite = "its weights are not finite";

/** The tables in the folder `metadata` of a published population, or beside the population, as it is published. */
async function readMetadata(folder: string): Promise<NamedText[]> {
  const tables: NamedText[] = [];
  for (const place of [join(folder, "metadata"), join(resolve(folder), "..", "metadata")]) {
    const store = folderStore(place);
    for (const name of (await store.list()).toSorted()) {
      if (!name.endsWith(".csv")) continue;
      const bytes = await store.read(name);
      if (bytes === undefined) continue;
      tables.push({ name: `metadata/${name}`, text: new TextDecoder().decode(bytes) });
    }
    if (tables.length > 0) break;
  }
  return tables;
}

/** @throws {FormatError} {OptionError} {EnvironmentError} {UnsupportedError} */
export async function openPopulation(
  folder: string,
  { checkpoints = "last", where, spec, allowDamaged = false, target }: PopulationOptions = {},
): Promise<OpenedPopulation> {
  const store = await openStore(folder);
  const names = await store.list();
  const { importedName } = await import("../../datasets/imported.ts");
  if (names.includes(importedName)) {
    if (where !== undefined || spec !== undefined)
      throw new OptionError(
        `${folder} is an imported population, which has its spec; leave --where and --spec out`,
      );
    return openImported(store, target);
  }
  const { isCnnZoo, readCnnZoo } = await import("../../datasets/published/cnn-zoo.ts");
  const { isCheckpointFolder, readCheckpointFolder } =
    await import("../../datasets/published/checkpoint-folder.ts");
  const reader = names.includes("zoo.json")
    ? undefined
    : isCnnZoo(names)
      ? readCnnZoo
      : isCheckpointFolder(names)
        ? readCheckpointFolder
        : undefined;
  if (reader !== undefined) {
    if (target !== undefined && target !== accuracyTarget.name)
      throw new OptionError(
        `${folder} is a published population, whose only target is ${accuracyTarget.name}, got --target ${target}`,
      );
    const { skipped, copies, notes, ...population } = await reader(store, {
      checkpoints,
      metadata: await readMetadata(folder),
      ...(where && { where }),
      ...(spec !== undefined && { spec: specFromJSON(await readJson(spec)) }),
    });
    const problems = [
      ...notes,
      ...skipped.map((name) => `${name} has weights that are not finite, left out`),
      ...(copies > 0
        ? [
            `${copies} of ${population.dataset.size} networks are copies of another one, bit for bit; copies stay on one side of a split`,
          ]
        : []),
    ];
    const leftOut = skipped.map((network) => ({ network, reason: notFinite }));
    const counts = { damaged: 0, notFinite: skipped.length, missing: 0 };
    return { ...population, problems, leftOut, counts };
  }
  if (names.length > 0 && !names.includes("zoo.json")) {
    throw new EnvironmentError(
      `${folder} holds no population: expected zoo.json, population.json, or weights.npy with metrics.csv.gz and layout.csv, or files <run>_<epoch>_<accuracy>.pt; give the folder of one`,
    );
  }
  if (where !== undefined || spec !== undefined) {
    throw new OptionError(
      `${folder} is a zoo of this project, which knows its symmetries and has no columns to choose by; leave --where and --spec out`,
    );
  }
  return openOwnZoo(store, { checkpoints, allowDamaged, target });
}

async function openImported(
  store: ZooStore,
  target: string | undefined,
): Promise<OpenedPopulation> {
  const { importedDataset, readImported } = await import("../../datasets/imported.ts");
  const { dataset, names, skipped } = importedDataset(await readImported(store), target);
  const reason = "its target is no number";
  return {
    dataset,
    names,
    description: "networks imported with a table",
    problems:
      skipped.length === 0
        ? []
        : [
            `${skipped.length} of ${skipped.length + names.length} networks are left out: ${reason}`,
          ],
    leftOut: skipped.map((network) => ({ network, reason })),
    counts: { damaged: 0, notFinite: skipped.length, missing: 0 },
  };
}

async function openOwnZoo(
  store: ZooStore,
  options: {
    readonly checkpoints: "last" | "all";
    readonly allowDamaged: boolean;
    readonly target: string | undefined;
  },
): Promise<OpenedPopulation> {
  const { openZoo } = await import("../../zoo/open.ts");
  const { zooDataset } = await import("../../zoo/zoo-dataset.ts");
  const { checkpointsOf } = await import("../../zoo/recipe.ts");
  const zoo = await openZoo(store);
  const dataset = await zooDataset(zoo, options);
  const { recipe, networks } = zoo.manifest;
  const { damaged, skipped, indices } = dataset;
  const planned = networks * (options.checkpoints === "all" ? checkpointsOf(recipe) : 1);
  const missing = planned - indices.length - skipped.length - damaged.length;
  const problems = [
    ...zoo.problems.map(({ message }) => message),
    ...pluginDifferences(zoo.manifest.plugins).map((text) => `${store.location} was ${text}`),
  ];
  const count = (left: number, why: string) => {
    if (left > 0) problems.push(`${left} of ${planned} networks are left out: ${why}`);
  };
  count(damaged.length, "their shards are damaged");
  count(skipped.length, "their weights or targets are not finite");
  count(missing, "they are not built yet");
  return {
    dataset,
    names: indices.map(networkName),
    description: `networks of the task ${recipe.task}${without(damaged.length)}`,
    task: recipe.task,
    problems,
    leftOut: [
      ...damaged.map((index) => ({ network: networkName(index), reason: "its shard is damaged" })),
      ...skipped.map((index) => ({ network: networkName(index), reason: notFinite })),
    ],
    counts: { damaged: damaged.length, notFinite: skipped.length, missing },
  };
}

/** Goes into reports, which must not pass for those of the whole population. */
const without = (damaged: number) =>
  damaged === 0 ? "" : `, without the ${damaged} of damaged shards`;

const networkName = (index: number) => `network ${index}`;
