// Runs an experiment on one split of a population: a search over a few configurations of every functional, judged by the
// validation networks, where the settings ask for one; then every functional with every seed. All of it is spread over
// worker threads and continues where it was when it is interrupted.

import { OptionError } from "../core/errors.ts";
import type { ExperimentResult, TuningRow } from "../report/experiment.ts";
import { deriveSeed } from "../core/random.ts";
import { splitPositions, type WeightDataset } from "../train/dataset.ts";
import type { ZooStore } from "../core/store.ts";
import type { HandOut, ListPart } from "../work/work-list.ts";
import { checkReadable } from "./choose-models.ts";
import { type JobPool, runInPlace } from "./job-pool.ts";
import { type PredictionRecord, predictionRecord } from "./predictions.ts";
import { openParts } from "./run-parts.ts";
import { checkMove, parseMove } from "./data/move-dataset.ts";
import { oneNumberBaselines } from "./judging/one-number.ts";
import { checkTogether, togetherJobs } from "./judging/together.ts";
import {
  countResults,
  type EntryRuns,
  planEntries,
  prepareData,
  type Prepared,
} from "./plan-runs.ts";
import { originOf, runList } from "./lists/run-lists.ts";
import { keepWork } from "./lists/work-files.ts";
import { outsideJobs, type OutsidePredictions } from "./outside.ts";
import { collectResults } from "./results.ts";
import { roundKinds, type RunListKind } from "./search/round-kinds.ts";
import { isHalving, judgeSearch, nextRound, type Round } from "./search/rounds.ts";
import {
  checkSettings,
  type ExperimentData,
  type ExperimentSettings,
  keepSettings,
} from "./settings.ts";
import { keepResult } from "./run-files.ts";
import { findFinished, type ExperimentRun, trainRuns } from "./train-runs.ts";

/** What {@link runExperiment} compares, on which networks, and where it keeps what is finished. */
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
  /**
   * Has workers elsewhere do the runs, who find settings and networks in the store and leave results there. The store is not
   * locked then, and runs that could not be done are told of at the end, when all others are there.
   */
  readonly handOut?: HandOut | undefined;
  /**
   * Does one part of the runs only, and ends without results unless those of all others are there: in the same store, which is
   * not locked then, or in the same parts.
   */
  readonly part?: ListPart | undefined;
  /** Predictors from elsewhere, whose predictions of the same test networks stand in the same tables. */
  readonly outside?: readonly OutsidePredictions[];
  /** Functionals, or predictors from elsewhere, whose mean prediction is a row of its own. */
  readonly together?: readonly (readonly string[])[];
  readonly signal?: AbortSignal;
}

/** What an experiment came to, without what it was made of. */
export interface ExperimentOutcome extends Required<
  Pick<ExperimentResult, "rows" | "scatter" | "curves" | "comparisons" | "oneNumber" | "tuning">
> {
  readonly sizes: { readonly train: number; readonly validation: number; readonly test: number };
  /** What all of it is computed from. */
  readonly predictions: PredictionRecord;
}

/** What an experiment tells while it goes; the last event has its outcome. */
export type ExperimentEvent<Outcome = ExperimentOutcome> =
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
  /** Another functional has all its runs: the results of those that have, so many of all functionals. Not told for the last. */
  | {
      readonly type: "results";
      readonly outcome: Outcome;
      readonly finished: number;
      readonly models: number;
    }
  /** A part is done, and others are not: so many runs of all. Without a part of the search, nothing after it was begun. */
  | { readonly type: "part"; readonly finished: number; readonly runs: number }
  | { readonly type: "done"; readonly outcome: Outcome };

/** From finished runs to results. */
export type Collect<Outcome> = (
  settings: ExperimentSettings,
  data: Pick<Prepared, "train" | "validation" | "test">,
  entries: readonly EntryRuns[],
  tuning: readonly TuningRow[],
) => Outcome;

/**
 * Trains what is missing and ends with the results; ends without them when the signal aborts. `runExperiment` of
 * `weightspace/node` trains in threads.
 * @throws {OptionError} when a functional cannot read the networks, or the store holds runs of other settings;
 * {EnvironmentError} when a worker dies, the store fails, or another experiment is running there.
 */
export async function* runExperiment(
  options: ExperimentOptions,
): AsyncGenerator<ExperimentEvent, void, undefined> {
  const { target } = options.dataset;
  if (target?.classes !== undefined)
    throw new OptionError(
      `experiment: "${target.name}" is one of ${target.classes} classes, expected a number; \`experiment inr\` learns classes, or choose another target`,
    );
  if (target?.values !== undefined)
    throw new OptionError(
      `experiment: "${target.name}" is ${target.values} numbers a network, expected one; choose another target`,
    );
  const { dataset, settings, outside = [], together = [] } = options;
  const [, , test] = splitPositions(dataset, settings.split, deriveSeed(settings.seed, "split"));
  for (const each of outside) outsideJobs(each, test.length, settings); // refused before anything is trained
  checkTogether(together, [
    ...settings.models.map(({ name }) => name),
    ...outside.map(({ model }) => model),
  ]);
  const beside = { outside, together };
  yield* runCollected(options, (...collected) => collectOutcome(dataset, beside, ...collected));
}

/** An experiment whose finished runs become results of any kind. @throws {OptionError} {EnvironmentError} as {@link runExperiment} */
export async function* runCollected<Outcome>(
  options: ExperimentOptions,
  collect: Collect<Outcome>,
): AsyncGenerator<ExperimentEvent<Outcome>, void, undefined> {
  const { dataset, settings } = options;
  checkReadable(dataset.spec, settings.models);
  const { moves = [], moveTraining = [] } = settings;
  for (const move of [moves, moveTraining].flat()) checkMove(dataset.spec, parseMove(move));
  checkPart(options.part);
  const unlock = isShared(options) ? async () => undefined : await options.store.lock();
  try {
    yield* runLocked(options, collect);
  } finally {
    await unlock();
  }
}

function checkPart({ part, of }: ListPart = { part: 1, of: 1 }): void {
  const isWhole = Number.isSafeInteger(part) && Number.isSafeInteger(of);
  if (isWhole && part >= 1 && part <= of) return;
  throw new OptionError(
    `experiment: part expected whole numbers, 1 to 3 of 3 for one of three, got ${part} of ${of}`,
  );
}

async function* runLocked<Outcome>(
  options: ExperimentOptions,
  collect: Collect<Outcome>,
): AsyncGenerator<ExperimentEvent<Outcome>, void, undefined> {
  const { dataset, settings, fingerprint } = options;
  const about = { networks: options.networks ?? dataset.size, ...(fingerprint && { fingerprint }) };
  for (const message of await agreeOnSettings(options, about)) yield { type: "warning", message };
  const data = await prepareData(dataset, settings);
  const progress = {
    runs: settings.models.length * settings.seeds,
    share: 0,
    finished: 0,
    isStarted: false,
  };
  const unfinished = (): ExperimentEvent<Outcome>[] =>
    options.part === undefined || options.signal?.aborted === true
      ? [] // it was aborted
      : [{ type: "part", finished: progress.finished, runs: progress.runs }];
  const rounds = yield* search(options, about, progress, data);
  if (rounds === undefined) return yield* unfinished();
  const tuned = judgeSearch(settings, rounds);
  if (rounds.length > 0) yield { type: "tuned", rows: tuned };
  const entries = planEntries(settings, data.ofTraining, rounds);
  const allRuns = entries.flatMap(({ runs }) => runs);
  const outcomeOf = (some: readonly EntryRuns[]) => collect(settings, data, some, tuned);
  const last: RunsOfList = { kind: "runs", runs: allRuns, share: 1 - progress.share };
  let reported = 0;
  for await (const event of untilFinished(finishRuns(options, about, progress, last))) {
    if (event === "unfinished") return yield* unfinished();
    yield event;
    const finished = entries.filter(({ runs }) => runs.every((run) => run.finished !== undefined));
    if (event.type !== "run" || finished.length === reported || finished.length === entries.length)
      continue;
    reported = finished.length;
    yield {
      type: "results",
      outcome: outcomeOf(finished),
      finished: reported,
      models: entries.length,
    };
  }
  yield { type: "done", outcome: outcomeOf(entries) };
}

/** Shares of all training: what a round of a search by halving counts for, and a whole search. */
const searchShares = { round: 0.12, most: 0.6 } as const;

/** Finishes the search round by round; undefined when it stays unfinished. */
async function* search(
  options: ExperimentOptions,
  about: ExperimentData,
  progress: RunProgress,
  { dataOf }: Prepared,
): AsyncGenerator<ExperimentEvent<never>, readonly Round[] | undefined, undefined> {
  const { settings, store } = options;
  const rounds: Round[] = [];
  for (;;) {
    const round = nextRound(settings, dataOf, rounds);
    if (round.length === 0) return rounds;
    const runs = round.map(({ run }) => run);
    progress.runs += runs.length;
    const later = rounds.length === 0 ? await countResults(store, settings) : 0;
    const kind = roundKinds[rounds.length];
    const share = isHalving(settings.tuning)
      ? Math.min(searchShares.round, searchShares.most - progress.share)
      : runs.length / progress.runs;
    if (!(yield* finishRuns(options, about, progress, { kind, runs, share }, later)))
      return undefined;
    rounds.push(round);
  }
}

/** The events of a generator, and `unfinished` at its end when it returns false. */
async function* untilFinished<Event>(
  events: AsyncGenerator<Event, boolean, undefined>,
): AsyncGenerator<Event | "unfinished", void, undefined> {
  if (!(yield* events)) yield "unfinished";
}

/** How far an experiment is: runs that are known of, and those that are finished. */
interface RunProgress {
  runs: number;
  /** Share of all training that lists came to which are over. */
  share: number;
  finished: number;
  isStarted: boolean;
}

/** Runs side by side, and the share of all training that they count for. */
interface RunsOfList {
  readonly kind: RunListKind;
  readonly runs: readonly ExperimentRun[];
  readonly share: number;
}

/** Finds what is finished of a list, and trains the rest of it; true at the end when all of it is finished. */
async function* finishRuns(
  options: ExperimentOptions,
  about: ExperimentData,
  progress: RunProgress,
  { kind, runs, share }: RunsOfList,
  finishedLater = 0,
): AsyncGenerator<ExperimentEvent<never>, boolean, undefined> {
  const { settings, store, parts, pool = runInPlace, part } = options;
  const signal = options.signal ?? new AbortController().signal;
  for await (const message of findFinished(store, runs, parts)) yield { type: "warning", message };
  if (!progress.isStarted) {
    const finished = runs.filter((run) => run.finished !== undefined).length + finishedLater;
    yield { type: "start", runs: progress.runs, finished };
    progress.isStarted = true;
  }
  const isDone = () => runs.every(({ finished }) => finished !== undefined);
  if (!isDone() && !signal.aborted) {
    await keepSettings(store, settings, about, isShared(options));
    const shareNow = () =>
      progress.share + share * (runs.reduce((sum, run) => sum + run.share, 0) / runs.length);
    const warnings: string[] = [];
    const handed = await handedRuns(options, kind, runs, (message) => warnings.push(message));
    for (const message of warnings) yield { type: "warning", message };
    for await (const event of trainRuns(runs, { store, parts, pool, signal, part, handed })) {
      yield event.type === "progress" ? { ...event, share: shareNow() } : event;
    }
  }
  progress.share += share;
  progress.finished += runs.filter(({ finished }) => finished !== undefined).length;
  return isDone();
}

/** The runs as a list for workers elsewhere, who find in the store what they need. */
async function handedRuns(
  { handOut, dataset, settings, store }: ExperimentOptions,
  kind: RunListKind,
  runs: readonly ExperimentRun[],
  warn: (message: string) => void,
) {
  if (handOut === undefined) return undefined;
  const work = await keepWork(store, dataset, settings, warn);
  for (const { key, request, finished } of runs)
    if (finished !== undefined) await keepResult(store, key, request, finished); // it may come from parts
  return { handOut, list: await runList(kind, store.location, await originOf(work), runs) };
}

/** The results of entries whose runs are all finished. */
function collectOutcome(
  dataset: WeightDataset,
  { outside, together }: Required<Pick<ExperimentOptions, "outside" | "together">>,
  settings: ExperimentSettings,
  { train, validation, test }: Pick<Prepared, "train" | "validation" | "test">,
  entries: readonly EntryRuns[],
  tuning: readonly TuningRow[],
): ExperimentOutcome {
  const single = [
    ...entries.flatMap(({ runs }) =>
      runs.flatMap(({ finished }) => (finished === undefined ? [] : [finished])),
    ),
    ...outside.flatMap((each) => outsideJobs(each, test.size, settings)),
  ];
  const jobs = [...single, ...togetherJobs(together, single)];
  const sizes = { train: train.size, validation: validation.size, test: test.size };
  const targets = { ...test, actual: Array.from(test.targets) };
  const { seed } = settings;
  const results = collectResults(jobs, targets, { models: entries, seed });
  const oneNumber = oneNumberBaselines(train, test, seed);
  const predictions = predictionRecord(dataset, settings, test, jobs);
  return { ...results, oneNumber, tuning, sizes, predictions };
}

/** Whether others may be at work in the same store, which is not locked. */
const isShared = ({ handOut, part }: ExperimentOptions): boolean =>
  handOut !== undefined || part !== undefined;

/** Gives warnings. @throws {OptionError} when the store or the parts are those of other settings */
async function agreeOnSettings(
  options: ExperimentOptions,
  data: ExperimentData,
): Promise<readonly string[]> {
  const { store, parts, settings } = options;
  const warnings = await checkSettings(store, settings, data);
  if (parts === undefined) return warnings;
  return [...warnings, ...(await openParts(parts, settings, data, isShared(options)))];
}
