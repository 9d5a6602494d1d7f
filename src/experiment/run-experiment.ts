// Runs an experiment: every model with every seed on one split of a population, spread over worker threads. Each run
// leaves a checkpoint after every epoch and its result at the end, so an interrupted experiment continues where it was.

import { deriveSeed } from "../core/random.ts";
import { eventQueue } from "../core/event-queue.ts";
import type { ExperimentResult } from "../report/experiment.ts";
import { specToJSON } from "../spec/json.ts";
import { splitDataset, type WeightDataset } from "../train/dataset.ts";
import { fitNormalization, normalize } from "../train/normalization.ts";
import type { ZooStore } from "../zoo/store.ts";
import type { JobRequest } from "./job.ts";
import { jobPool } from "./job-pool.ts";
import { moveDataset } from "./move-dataset.ts";
import { isCheckpoint, readResult, readSeconds, toBytes } from "./run-files.ts";
import { collectResults, type FinishedJob } from "./results.ts";
import { checkSettings, keepSettings, type ExperimentSettings } from "./settings.ts";

export interface ExperimentOptions {
  readonly dataset: WeightDataset;
  readonly settings: ExperimentSettings;
  /** Networks the population was asked to have, kept with the settings. @default those of the dataset */
  readonly networks?: number;
  /** Where checkpoints and results of single runs are kept. */
  readonly store: ZooStore;
  readonly workers: number;
  readonly signal?: AbortSignal;
  /** The compiled worker, where a bundler has moved it. */
  readonly workerEntry?: URL;
}

export interface ExperimentOutcome extends Pick<ExperimentResult, "rows" | "scatter" | "curves"> {
  readonly sizes: { readonly train: number; readonly validation: number; readonly test: number };
}

export type ExperimentEvent =
  /** A damaged file of a run; it is removed and the run trained anew. */
  | { readonly type: "warning"; readonly message: string }
  | { readonly type: "start"; readonly runs: number; readonly finished: number }
  /** Share of all training done, in [0, 1], earlier runs of the program included. */
  | { readonly type: "progress"; readonly share: number; readonly note: string }
  | {
      readonly type: "run";
      readonly model: string;
      readonly seed: number;
      readonly seconds: number;
    }
  | { readonly type: "done"; readonly outcome: ExperimentOutcome };

interface Run {
  readonly key: string;
  readonly request: JobRequest;
  share: number;
  finished?: FinishedJob;
}

/**
 * Trains what is missing and ends with the results; ends without them when the signal aborts.
 * @throws {OptionError} when the store holds runs of other settings; {EnvironmentError} when a worker dies, the store
 * fails, or another experiment is running there.
 */
export async function* runExperiment(
  options: ExperimentOptions,
): AsyncGenerator<ExperimentEvent, void, undefined> {
  const unlock = await options.store.lock();
  try {
    yield* runLocked(options);
  } finally {
    await unlock();
  }
}

async function* runLocked(
  options: ExperimentOptions,
): AsyncGenerator<ExperimentEvent, void, undefined> {
  const { dataset, settings, store, workers } = options;
  const signal = options.signal ?? new AbortController().signal;
  const networks = options.networks ?? dataset.size;
  await checkSettings(store, settings, networks);
  const [train, validation, test] = splitDataset(
    dataset,
    settings.split,
    deriveSeed(settings.seed, "split"),
  );
  const normalization = fitNormalization(train);
  const moved = moveDataset(test, deriveSeed(settings.seed, "moved"));
  const parts = (data: WeightDataset) => {
    const { size, tensors, targets } = normalize(data, normalization);
    return { size, tensors, targets };
  };
  const shared = {
    spec: specToJSON(dataset.spec),
    train: parts(train),
    validation: parts(validation),
    test: parts(test),
    moved: parts(moved),
    budget: settings.budget,
    notes: { normalization },
  };
  const runs = settings.models.flatMap(({ name, options: modelOptions }) =>
    Array.from({ length: settings.seeds }, (_, number): Run => {
      const seed = deriveSeed(settings.seed, "run", number);
      return {
        key: `${name}-${number}`,
        request: { ...shared, model: name, options: modelOptions, seed },
        share: 0,
      };
    }),
  );
  for (const run of runs) {
    const file = `${run.key}.json`;
    const result = await store.read(file);
    if (result === undefined) continue;
    const finished = readResult(result, run.request);
    if (finished === undefined) {
      yield await removeDamaged(store, file);
      continue;
    }
    run.finished = finished;
    run.share = 1;
  }
  for (const { key, finished } of runs) {
    if (finished !== undefined) continue;
    const file = `${key}.safetensors`;
    const checkpoint = await store.read(file);
    if (checkpoint === undefined || isCheckpoint(checkpoint)) continue;
    yield await removeDamaged(store, file);
    await store.remove(`${key}.seconds.json`);
  }
  const pending = runs.filter(({ finished }) => finished === undefined);
  yield { type: "start", runs: runs.length, finished: runs.length - pending.length };

  if (pending.length > 0 && !signal.aborted) await keepSettings(store, settings, networks);
  const queue = eventQueue<ExperimentEvent>();
  const share = () => runs.reduce((sum, run) => sum + run.share, 0) / runs.length;
  const pool = jobPool(Math.max(1, Math.min(workers, pending.length)), options.workerEntry);
  const stop = new AbortController();
  const abort = () => stop.abort();
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  const work = async (): Promise<void> => {
    for (
      let run = pending.shift();
      run !== undefined && !stop.signal.aborted;
      run = pending.shift()
    ) {
      const current = run;
      await trainRun(current, store, pool, stop.signal, (type, note) => {
        if (type === "progress") queue.push({ type, share: share(), note });
      });
      if (current.finished === undefined) continue;
      const { model, seed, seconds } = current.finished;
      queue.push({ type: "run", model, seed, seconds });
    }
  };
  const fail = (error: unknown) => {
    stop.abort();
    queue.close(error);
  };
  const all = Promise.all(Array.from({ length: workers }, () => work().catch(fail)));
  void all.then(() => queue.close());
  try {
    yield* queue.drain();
    const finished = runs.flatMap((run) => (run.finished === undefined ? [] : [run.finished]));
    if (finished.length < runs.length) return; // aborted
    const sizes = { train: train.size, validation: validation.size, test: test.size };
    yield {
      type: "done",
      outcome: { ...collectResults(finished, Array.from(test.targets)), sizes },
    };
  } finally {
    stop.abort();
    await all;
    signal.removeEventListener("abort", abort);
    await pool.close();
  }
}

async function removeDamaged(store: ZooStore, file: string): Promise<ExperimentEvent> {
  await store.remove(file);
  const message = `${file} in ${store.location} is damaged; its run is trained anew`;
  return { type: "warning", message };
}

/** Trains one run from its last checkpoint, keeping every new one and the result. */
async function trainRun(
  run: Run,
  store: ZooStore,
  pool: ReturnType<typeof jobPool>,
  signal: AbortSignal,
  tell: (type: "progress", note: string) => void,
): Promise<void> {
  const { key, request } = run;
  const resume = await store.read(`${key}.safetensors`);
  const before = readSeconds(await store.read(`${key}.seconds.json`));
  const began = performance.now();
  const seconds = () => before + (performance.now() - began) / 1000;
  let saving = Promise.resolve();
  const save = (bytes: Uint8Array) => {
    saving = saving.then(async () => {
      await store.write(`${key}.safetensors`, bytes);
      await store.write(`${key}.seconds.json`, toBytes(seconds()));
    });
    saving.catch(() => undefined); // thrown where it is awaited
  };
  const { checkpoint, result } = await pool.run(
    { ...request, ...(resume && { resume }) },
    signal,
    (event) => {
      if (event.type === "checkpoint") save(event.bytes);
      if (event.type !== "progress") return;
      run.share = event.step / event.steps;
      tell("progress", key);
    },
  );
  if (checkpoint !== undefined) save(checkpoint);
  await saving;
  if (result !== undefined) run.finished = { ...result, seconds: seconds() };
  if (run.finished === undefined) return;
  await store.write(`${key}.json`, toBytes(run.finished));
  run.share = 1;
}
