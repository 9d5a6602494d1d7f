// A population of networks from a folder, as training data: a zoo of this project, or one published by others in its own
// format, told apart by the files in the folder.

import { join, resolve } from "node:path";
import { EnvironmentError, OptionError } from "../core/errors.ts";
import { specFromJSON } from "../spec/json.ts";
import type { WeightDataset } from "../train/dataset.ts";
import type { Zoo } from "../zoo/open.ts";
import type { NamedText } from "../zoo/published/population.ts";
import { readJson } from "./files.ts";
import { folderStore } from "./fs-store.ts";

export interface Population {
  readonly dataset: WeightDataset;
  /** What every network is called, in the order of the dataset. */
  readonly names: readonly string[];
  /** What the networks are, in a few words. */
  readonly description: string;
  /** What could not be read, one sentence each. */
  readonly problems: readonly string[];
}

export interface PopulationOptions {
  readonly checkpoints?: "last" | "all" | undefined;
  /** Conditions on columns, of published populations only. */
  readonly where?: Readonly<Record<string, string>> | undefined;
  /** File with the spec of a published population. */
  readonly spec?: string | undefined;
}

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
  { checkpoints = "last", where, spec }: PopulationOptions = {},
): Promise<Population> {
  const store = folderStore(folder);
  const names = await store.list();
  const { isCnnZoo, readCnnZoo } = await import("../zoo/published/cnn-zoo.ts");
  const { isCheckpointFolder, readCheckpointFolder } =
    await import("../zoo/published/checkpoint-folder.ts");
  const reader = names.includes("zoo.json")
    ? undefined
    : isCnnZoo(names)
      ? readCnnZoo
      : isCheckpointFolder(names)
        ? readCheckpointFolder
        : undefined;
  if (reader !== undefined) {
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
    return { ...population, problems };
  }
  if (names.length > 0 && !names.includes("zoo.json")) {
    throw new EnvironmentError(
      `${folder} holds no population: expected zoo.json, or weights.npy with metrics.csv.gz and layout.csv, or files <run>_<epoch>_<accuracy>.pt; give the folder of one`,
    );
  }
  if (where !== undefined || spec !== undefined) {
    throw new OptionError(
      `${folder} is a zoo of this project, which knows its symmetries and has no columns to choose by; leave --where and --spec out`,
    );
  }
  const { openZoo } = await import("../zoo/open.ts");
  const { zooDataset } = await import("../experiment/zoo-dataset.ts");
  const choose: (
    zoo: Zoo,
    options: { checkpoints: "last" | "all" },
  ) => ReturnType<typeof zooDataset> = zooDataset;
  const zoo = await openZoo(store);
  const dataset = await choose(zoo, { checkpoints });
  return {
    dataset,
    names: dataset.indices.map((index) => `network ${index}`),
    description: `networks of the task ${zoo.manifest.recipe.task}`,
    problems: zoo.problems.map(({ message }) => message),
  };
}
