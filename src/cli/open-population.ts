// A population of networks from a folder, as training data.

import type { WeightDataset } from "../train/dataset.ts";
import { folderStore } from "./fs-store.ts";

export interface Population {
  readonly dataset: WeightDataset;
  /** What the networks are, in a few words. */
  readonly description: string;
  /** What could not be read, one sentence each. */
  readonly problems: readonly string[];
}

/** @throws {FormatError} {OptionError} {EnvironmentError} */
export async function openPopulation(folder: string): Promise<Population> {
  const { openZoo } = await import("../zoo/open.ts");
  const { zooDataset } = await import("../experiment/zoo-dataset.ts");
  const zoo = await openZoo(folderStore(folder));
  const dataset = await zooDataset(zoo);
  const { recipe } = zoo.manifest;
  return {
    dataset,
    description: `networks of the task ${recipe.task}`,
    problems: zoo.problems.map(({ message }) => message),
  };
}
