// The training runs of an experiment as a list: the trials of the search for every functional, and its runs with the
// configuration that was chosen.

import type { ZooStore } from "../core/store.ts";
import { deriveSeed } from "../core/random.ts";
import type { ModelOptions } from "../models/registry.ts";
import type { TuningRow } from "../report/experiment.ts";
import { splitDataset, type WeightDataset } from "../train/dataset.ts";
import type { Budget } from "./budget.ts";
import { type RunData, runData } from "./data/held-out.ts";
import { takeShare } from "./data/train-share.ts";
import type { JobRequest } from "./job.ts";
import type { TrainedAs } from "./results.ts";
import type { ExperimentEntry, ExperimentSettings } from "./settings.ts";
import type { ExperimentRun } from "./train-runs.ts";
import { configure, judgeTrials, tuningConfigurations } from "./tuning.ts";

/** The three parts of a population, and what of them the runs of every entry read. */
export async function prepareData(dataset: WeightDataset, settings: ExperimentSettings) {
  const { split, seed, trainShare = 1 } = settings;
  const [allTrain, validation, test] = splitDataset(dataset, split, deriveSeed(seed, "split"));
  const train = takeShare(allTrain, trainShare);
  return { train, validation, test, dataOf: await runData([train, validation, test], settings) };
}

export type Prepared = Awaited<ReturnType<typeof prepareData>>;

/** A configuration of a functional, and the run that tries it. */
export interface Trial {
  readonly options: ModelOptions;
  readonly budget: Budget;
  readonly run: ExperimentRun;
  readonly read: RunData;
}

/** A functional with its chosen configuration, and its runs. */
export interface EntryRuns extends TrainedAs {
  readonly runs: readonly ExperimentRun[];
}

/** The trials of every entry; a single one each, which is not run, where the settings ask for no search. */
export function planTrials(
  { models, seed, budget, tuning }: ExperimentSettings,
  dataOf: (entry: ExperimentEntry) => RunData,
): readonly (readonly Trial[])[] {
  return models.map(({ name, model = name, options: givenOptions, training = budget, ...how }) =>
    tuningConfigurations(model, tuning?.configurations ?? 1).map((configuration, i) => {
      const trial = configure({ name, model, options: givenOptions }, training, configuration);
      const epochs = tuning?.epochs ?? training.epochs;
      const read = dataOf({ name, model, options: givenOptions, ...how });
      const run = newRun(`tune-${name}-${i}`, {
        ...read.learning,
        name,
        model,
        options: trial.options,
        seed: deriveSeed(seed, "tune"),
        budget: { ...trial.budget, epochs },
      });
      return { ...trial, run, read };
    }),
  );
}

/** The rows of a finished search, the chosen configurations marked. */
export function judgeSearch(trials: readonly (readonly Trial[])[]): TuningRow[] {
  return trials.flatMap((list) =>
    judgeTrials(
      list.flatMap(({ run: { finished: job }, options, budget }) =>
        job === undefined ? [] : [{ job, options, budget }],
      ),
    ),
  );
}

/** The runs of every entry with the configuration that was chosen, or its only one without a search. */
export function planEntries(
  { models, seeds, seed }: ExperimentSettings,
  trials: readonly (readonly Trial[])[],
  tuned: readonly TuningRow[],
): readonly EntryRuns[] {
  return models.map(({ name, model = name }, i) => {
    const rows = tuned.filter((row) => row.model === name);
    const chosen = rows.findIndex((row) => row.chosen);
    const { options, budget, read } = trials[i][Math.max(0, chosen)];
    const runs = Array.from({ length: seeds }, (_, number) =>
      newRun(`${name}-${number}`, {
        ...read.final,
        name,
        model,
        options,
        seed: deriveSeed(seed, "run", number),
        budget,
      }),
    );
    return { name, model, options, rate: budget.rate, runs };
  });
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

const newRun = (key: string, request: JobRequest): ExperimentRun => ({
  key: fileName(key),
  request,
  share: 0,
});

/** A run's name as files have it. */
const fileName = (key: string): string => key.replaceAll(":", "--");
