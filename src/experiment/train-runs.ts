// Trains a list of runs over worker threads. Each run leaves a checkpoint after every epoch and its result at the end,
// so that a list that was interrupted goes on where it was.

import type { ZooStore } from "../core/store.ts";
import { sealedJson } from "../work/unit-parts.ts";
import { runUnits } from "../work/run-units.ts";
import type { Runner } from "../work/work-list.ts";
import type { FinishedJob, JobRequest } from "./job.ts";
import type { JobPool } from "./job-pool.ts";
import { readableCheckpoint, readResult, readSeconds } from "./run-files.ts";
import { keepPart, readPart } from "./run-parts.ts";

/** A run by the name of its files. */
export interface ExperimentRun {
  readonly key: string;
  readonly request: JobRequest;
  /** Share of its training that is done, in [0, 1]. */
  share: number;
  finished?: FinishedJob;
}

export type RunEvent =
  | { readonly type: "warning"; readonly message: string }
  | { readonly type: "progress"; readonly note: string }
  | {
      readonly type: "run";
      readonly model: string;
      readonly seed: number;
      readonly seconds: number;
    };

/**
 * Finds the results of runs that are finished, and removes damaged files: one message per file removed, and one in all
 * for files that carry no checksum and so cannot be checked.
 */
export async function* findFinished(
  store: ZooStore,
  runs: readonly ExperimentRun[],
  parts?: ZooStore,
): AsyncGenerator<string, void, undefined> {
  const removeDamaged = async (file: string) => {
    await store.remove(file);
    return `${file} in ${store.location} is damaged; its run is trained anew`;
  };
  const unchecked: string[] = [];
  for (const run of runs) {
    const file = `${run.key}.json`;
    const result = await store.read(file);
    if (result === undefined) continue;
    const finished = await readResult(result, run.request);
    if (finished === undefined) {
      yield await removeDamaged(file);
      continue;
    }
    if (!finished.checked) unchecked.push(file);
    run.finished = finished.value;
    run.share = 1;
  }
  if (parts !== undefined) yield* findParts(parts, runs);
  for (const { key, finished } of runs) {
    if (finished !== undefined) continue;
    const file = `${key}.safetensors`;
    const bytes = await store.read(file);
    if (bytes === undefined) continue;
    const secondsFile = `${key}.seconds.json`;
    const checkpoint = await readableCheckpoint(bytes);
    if (checkpoint === undefined) {
      yield await removeDamaged(file);
      await store.remove(secondsFile);
      continue;
    }
    if (!checkpoint.checked) unchecked.push(file);
    if ((await readSeconds(await store.read(secondsFile))) !== undefined) continue;
    await store.remove(secondsFile);
    yield `${secondsFile} in ${store.location} is damaged; the time its run took before is not counted`;
  }
  if (unchecked.length > 0) {
    const more = unchecked.length > 1 ? ` and ${unchecked.length - 1} more` : "";
    yield `${unchecked[0]}${more} in ${store.location}: written before digests: not checked`;
  }
}

/** Takes runs that are finished from parts, and makes parts of those that are finished without one. */
async function* findParts(parts: ZooStore, runs: readonly ExperimentRun[]): AsyncGenerator<string> {
  for (const run of runs) {
    const part = await readPart(parts, run.key, run.request);
    if (typeof part === "string") yield part;
    if (run.finished === undefined && typeof part === "object") {
      run.finished = part;
      run.share = 1;
    } else if (run.finished !== undefined && typeof part !== "object") {
      const problem = await keepPart(parts, run.key, run.finished);
      if (problem !== undefined) yield problem;
    }
  }
}

export interface TrainRunsOptions {
  readonly store: ZooStore;
  /** Where small files of finished runs are kept, too. */
  readonly parts?: ZooStore | undefined;
  /** Makes what trains so many runs. */
  readonly pool: (runs: number) => JobPool;
  readonly signal: AbortSignal;
}

/** Trains the runs that are not finished, marking them as they end; some stay unfinished when the signal aborts. */
export async function* trainRuns(
  runs: readonly ExperimentRun[],
  { store, signal, ...options }: TrainRunsOptions,
): AsyncGenerator<RunEvent, void, undefined> {
  const pending = runs.filter(({ finished }) => finished === undefined);
  const pool = options.pool(pending.length);
  const runner: Runner<ExperimentRun, void, number> = {
    width: pool.width,
    run: (run, stop, onShare) => trainRun(run, store, pool, stop, onShare),
    close: () => pool.close(),
  };
  for await (const news of runUnits(pending, runner, signal)) {
    if (news.kind === "failed") throw news.error;
    if (news.kind === "tick") continue;
    const { key, finished } = news.request;
    if (news.kind === "event") {
      news.request.share = news.event;
      yield { type: "progress", note: key };
    } else if (finished !== undefined) {
      news.request.share = 1;
      if (options.parts !== undefined) {
        const message = await keepPart(options.parts, key, finished);
        if (message !== undefined) yield { type: "warning", message };
      }
      const { model, seed, seconds } = finished;
      yield { type: "run", model, seed, seconds };
    }
  }
}

/** Trains one run from its last checkpoint, keeping every new one and the result. */
async function trainRun(
  run: ExperimentRun,
  store: ZooStore,
  pool: JobPool,
  signal: AbortSignal,
  onShare: (share: number) => void,
): Promise<void> {
  const { key, request } = run;
  const resume = await store.read(`${key}.safetensors`);
  const before = (await readSeconds(await store.read(`${key}.seconds.json`))) ?? 0;
  const began = performance.now();
  const seconds = () => before + (performance.now() - began) / 1000;
  let saving = Promise.resolve();
  const save = (bytes: Uint8Array) => {
    saving = saving.then(async () => {
      await store.write(`${key}.safetensors`, bytes);
      await store.write(`${key}.seconds.json`, await sealedJson({ seconds: seconds() }));
    });
    saving.catch(() => undefined); // thrown where it is awaited
  };
  const { checkpoint, result } = await pool.run(
    { ...request, ...(resume && { resume }) },
    signal,
    (event) => {
      if (event.type === "checkpoint") save(event.bytes);
      if (event.type !== "progress") return;
      onShare(event.step / event.steps);
    },
  );
  if (checkpoint !== undefined) save(checkpoint);
  await saving;
  if (result !== undefined) run.finished = { ...result, seconds: seconds() };
  if (run.finished === undefined) return;
  await store.write(`${key}.json`, await sealedJson(run.finished));
}
