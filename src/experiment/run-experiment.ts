// Runs an experiment on one split of a population: a search over a few configurations of every functional, judged by the
// validation networks, where the settings ask for one; then every functional with every seed. All of it is spread over
// worker threads and continues where it was when it is interrupted.

import { deriveSeed } from "../core/random.ts";
import type { ExperimentResult, TuningRow } from "../report/experiment.ts";
import { splitDataset, type WeightDataset } from "../train/dataset.ts";
import type { ZooStore } from "../core/store.ts";
import { checkReadable } from "./choose-models.ts";
import { type JobPool, runInPlace } from "./job-pool.ts";
import { openParts } from "./parts.ts";
import type { JobRequest } from "./job.ts";
import { runData } from "./data/held-out.ts";
import { checkMove, parseMove } from "./data/move-dataset.ts";
import { oneNumberBaselines } from "./one-number.ts";
import { collectResults, type TrainedAs } from "./results.ts";
import {
  checkSettings,
  type Contestant,
  type ExperimentData,
  type ExperimentSettings,
  keepSettings,
} from "./settings.ts";
import { takeShare } from "./data/train-share.ts";
import { findFinished, type Run, trainRuns } from "./train-runs.ts";
import { configure, judgeTrials, tuningConfigurations } from "./tuning.ts";

export interface ExperimentOptions {
  readonly dataset: WeightDataset;
  readonly settings: ExperimentSettings;
  /** Networks the population was asked to have, kept with the settings. @default those of the dataset */
  readonly networks?: number;
  /** Digest of the dataset, kept with the settings: runs on other weights are refused. */
  readonly fingerprint?: string;
  /** Where checkpoints and results of single runs are kept. */
  readonly store: ZooStore;
  /**
   * Where one small file is kept for every finished run: predictions and scores, no weights, 200 kB at most. Runs that are
   * finished there are not trained again.
   */
  readonly parts?: ZooStore | undefined;
  /** Makes what trains so many runs. @default one after another, in the calling thread */
  readonly pool?: (runs: number) => JobPool;
  readonly signal?: AbortSignal;
}

export interface ExperimentOutcome extends Required<
  Pick<ExperimentResult, "rows" | "scatter" | "curves" | "comparisons" | "oneNumber" | "tuning">
> {
  readonly sizes: { readonly train: number; readonly validation: number; readonly test: number };
}

export type ExperimentEvent =
  /** A damaged file of a run; it is removed and the run trained anew. */
  | { readonly type: "warning"; readonly message: string }
  /** Trials of the search count as runs. */
  | { readonly type: "start"; readonly runs: number; readonly finished: number }
  /** Share of all training done, in [0, 1], earlier runs of the program included. */
  | { readonly type: "progress"; readonly share: number; readonly note: string }
  | {
      readonly type: "run";
      readonly model: string;
      readonly seed: number;
      readonly seconds: number;
    }
  /** The search is over; the chosen configurations are marked. */
  | { readonly type: "tuned"; readonly rows: readonly TuningRow[] }
  | { readonly type: "done"; readonly outcome: ExperimentOutcome };

/**
 * Trains what is missing and ends with the results; ends without them when the signal aborts. `runExperiment` of
 * `weightspace/node` trains in threads.
 * @throws {OptionError} when a functional cannot read the networks, or the store holds runs of other settings;
 * {EnvironmentError} when a worker dies, the store fails, or another experiment is running there.
 */
export async function* runExperiment(
  options: ExperimentOptions,
): AsyncGenerator<ExperimentEvent, void, undefined> {
  const { dataset, settings } = options;
  checkReadable(dataset.spec, settings.models);
  const { moves = [], moveTraining = [] } = settings;
  for (const move of [moves, moveTraining].flat()) checkMove(dataset.spec, parseMove(move));
  const unlock = await options.store.lock();
  try {
    yield* runLocked(options);
  } finally {
    await unlock();
  }
}

/** A configuration of a functional, and its runs. */
interface Entry extends TrainedAs {
  readonly runs: readonly Run[];
}

/** The three parts of a population, and what of them runs of every contestant read. */
async function prepareData(dataset: WeightDataset, settings: ExperimentSettings) {
  const { split, seed, trainShare = 1 } = settings;
  const [allTrain, validation, test] = splitDataset(dataset, split, deriveSeed(seed, "split"));
  const train = takeShare(allTrain, trainShare);
  return { train, validation, test, dataOf: await runData([train, validation, test], settings) };
}

async function* runLocked(
  options: ExperimentOptions,
): AsyncGenerator<ExperimentEvent, void, undefined> {
  const { dataset, settings, store, parts, fingerprint, pool = runInPlace } = options;
  const { models, seeds, seed, budget, tuning } = settings;
  const signal = options.signal ?? new AbortController().signal;
  const data = { networks: options.networks ?? dataset.size, ...(fingerprint && { fingerprint }) };
  await agreeOnSettings(options, data);
  const { train, validation, test, dataOf } = await prepareData(dataset, settings);
  const trials = models.map(({ name, model = name, options: own, training = budget, ...how }) =>
    tuningConfigurations(model, tuning?.configurations ?? 1).map((configuration, i) => {
      const trial = configure({ name, model, options: own }, training, configuration);
      const epochs = tuning?.epochs ?? training.epochs;
      const read = dataOf({ name, model, options: own, ...how });
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
  const entry = ({ name, model = name }: Contestant, chosen: (typeof trials)[0][0]): Entry => ({
    name,
    model,
    options: chosen.options,
    rate: chosen.budget.rate,
    runs: Array.from({ length: seeds }, (_, number) =>
      newRun(`${name}-${number}`, {
        ...chosen.read.whole,
        name,
        model,
        options: chosen.options,
        seed: deriveSeed(seed, "run", number),
        budget: chosen.budget,
      }),
    ),
  });

  const searched = tuning === undefined ? [] : trials.flat().map(({ run }) => run);
  const runCount = searched.length + models.length * seeds;
  let past = 0;
  let started = false;
  /** Finds what is finished of a list, and trains the rest of it. */
  async function* finish(runs: readonly Run[]): AsyncGenerator<ExperimentEvent, boolean> {
    for await (const message of findFinished(store, runs, parts)) yield warn(message);
    if (!started) {
      const later = runs === searched ? await countResults(store, models, seeds) : 0;
      const finished = runs.filter((run) => run.finished !== undefined).length;
      yield { type: "start", runs: runCount, finished: finished + later };
      started = true;
    }
    const isDone = () => runs.every(({ finished }) => finished !== undefined);
    if (!isDone() && !signal.aborted) {
      await keepSettings(store, settings, data);
      const share = () => (past + runs.reduce((sum, run) => sum + run.share, 0)) / runCount;
      for await (const event of trainRuns(runs, { store, parts, pool, signal })) {
        yield event.type === "progress" ? { ...event, share: share() } : event;
      }
    }
    past += runs.length;
    return isDone();
  }

  const tuned: TuningRow[] = [];
  if (searched.length > 0) {
    if (!(yield* finish(searched))) return; // aborted
    for (const list of trials) {
      const judged = list.flatMap(({ run: { finished: job }, options: tried, budget: trained }) =>
        job === undefined ? [] : [{ job, options: tried, budget: trained }],
      );
      tuned.push(...judgeTrials(judged));
    }
    yield { type: "tuned", rows: tuned };
  }
  const entries = models.map((contestant, i) => {
    const rows = tuned.filter(({ model }) => model === contestant.name);
    const best = Math.max(
      0,
      rows.findIndex(({ chosen }) => chosen),
    );
    return entry(contestant, trials[i][best]);
  });
  if (!(yield* finish(entries.flatMap(({ runs }) => runs)))) return; // aborted
  const jobs = entries.flatMap(({ runs }) =>
    runs.flatMap(({ finished }) => (finished === undefined ? [] : [finished])),
  );
  const sizes = { train: train.size, validation: validation.size, test: test.size };
  const targets = { ...test, actual: Array.from(test.targets) };
  const results = collectResults(jobs, targets, { models: entries, seed });
  const oneNumber = oneNumberBaselines(train, test, seed);
  yield { type: "done", outcome: { ...results, oneNumber, tuning: tuned, sizes } };
}

const newRun = (key: string, request: JobRequest): Run => ({
  key: fileName(key),
  request,
  share: 0,
});

/** A run's name as files have it. */
const fileName = (key: string): string => key.replaceAll(":", "--");
const warn = (message: string): ExperimentEvent => ({ type: "warning", message });

/** @throws {OptionError} when the store or the parts are those of other settings */
async function agreeOnSettings(
  { store, parts, settings }: ExperimentOptions,
  data: ExperimentData,
): Promise<void> {
  await checkSettings(store, settings, data);
  if (parts !== undefined) await openParts(parts, settings, data);
}

/** Results of whole runs in the store, before it is known what they will be asked to be. */
async function countResults(
  store: ZooStore,
  models: readonly Contestant[],
  seeds: number,
): Promise<number> {
  const names = new Set(await store.list());
  const keys = models.flatMap(({ name }) =>
    Array.from({ length: seeds }, (_, number) => `${fileName(name)}-${number}.json`),
  );
  return keys.filter((key) => names.has(key)).length;
}
