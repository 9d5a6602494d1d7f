// The whole runs of an experiment as a list, with the configurations that its search has chosen, and the data that all runs read.

import { OptionError } from "../core/errors.ts";
import type { ZooStore } from "../core/store.ts";
import { deriveSeed } from "../core/random.ts";
import { splitDataset, subset, type WeightDataset } from "../train/dataset.ts";
import { type RunData, runData } from "./data/held-out.ts";
import { redrawn } from "./data/redraw.ts";
import { takeShare } from "./data/train-share.ts";
import type { FinishedJob } from "./job.ts";
import type { TrainedAs } from "./results.ts";
import { fileName, newRun, runSeed } from "./run-names.ts";
import { chosenFor, type Round } from "./search/rounds.ts";
import type { ExperimentEntry, ExperimentSettings } from "./settings.ts";
import type { ExperimentRun } from "./train-runs.ts";

/** What runs of an entry learn from and are judged by, and all that they read. */
export interface Taught {
  readonly train: WeightDataset;
  readonly validation: WeightDataset;
  readonly dataOf: (entry: ExperimentEntry) => RunData;
}

/** What a search is taught by, the networks that all are tested on, and what every training is taught by, which may draw its own. */
export async function prepareData(dataset: WeightDataset, settings: ExperimentSettings) {
  const { split, seed, trainShare = 1 } = settings;
  const [first, second, test] = splitDataset(dataset, split, deriveSeed(seed, "split"));
  const taughtBy = async (all: WeightDataset, validation: WeightDataset): Promise<Taught> => {
    const train = takeShare(all, trainShare);
    return { train, validation, dataOf: await runData([train, validation, test], settings) };
  };
  const search = await taughtBy(first, second);
  const own: Taught[] = [];
  for (const { train, validation } of redrawn(dataset, settings))
    own.push(await taughtBy(subset(dataset, train), subset(dataset, validation)));
  const ofTraining = (number: number): Taught => own[number] ?? search;
  return { ...search, test, own, ofTraining };
}

export type Prepared = Awaited<ReturnType<typeof prepareData>>;

/** A functional with its chosen configuration, and its runs. */
export interface EntryRuns extends TrainedAs {
  readonly runs: readonly ExperimentRun[];
}

/** The runs of every entry with the configuration that was chosen, or its only one without a search. */
export function planEntries(
  settings: ExperimentSettings,
  ofTraining: Prepared["ofTraining"],
  rounds: readonly Round[],
): readonly EntryRuns[] {
  const { models, seeds, seed } = settings;
  return models.map((entry) => {
    const { name, model = name } = entry;
    const { options, budget } = chosenFor(settings, rounds, entry);
    const runs = Array.from({ length: seeds }, (_, number) =>
      newRun(`${name}-${number}`, {
        ...ofTraining(number).dataOf(entry).final,
        name,
        model,
        options,
        seed: runSeed(seed, number),
        budget,
      }),
    );
    return { name, model, options, rate: budget.rate, runs };
  });
}

/** The finished runs of an entry, none of which may have diverged. @throws {OptionError} for one that has */
export function endedRuns({ name, runs }: EntryRuns): FinishedJob[] {
  const jobs = runs.flatMap(({ finished }) => (finished === undefined ? [] : [finished]));
  const diverged = jobs.find((job) => job.diverged !== undefined);
  if (diverged === undefined) return jobs;
  throw new OptionError(
    `experiment: a training of ${name} went wrong (${diverged.diverged}); give it another rate or leave it out`,
  );
}

/** Results of whole runs in the store, before it is known what they will be asked to be. */
export async function countResults(
  store: ZooStore,
  { models, seeds }: ExperimentSettings,
): Promise<number> {
  const names = new Set(await store.list());
  const keys = models.flatMap(({ name }) =>
    Array.from({ length: seeds }, (_, number) => `${fileName(name)}-${number}.json`),
  );
  return keys.filter((key) => names.has(key)).length;
}
