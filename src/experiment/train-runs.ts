// Trains a list of runs over worker threads, or has workers elsewhere train it. Each run leaves a checkpoint after every epoch and its result at the end,
// so that a list that was interrupted goes on where it was.

import { EnvironmentError } from "../core/errors.ts";
import type { ZooStore } from "../core/store.ts";
import { runUnits } from "../work/run-units.ts";
import {
  type HandOut,
  isInPart,
  type ListPart,
  type Runner,
  type WorkList,
} from "../work/work-list.ts";
import type { FinishedJob, JobRequest } from "./job.ts";
import type { JobPool } from "./job-pool.ts";
import {
  type Effort,
  effortBytes,
  finishedIn,
  keepResult,
  readableCheckpoint,
  readEffort,
  runFiles,
} from "./run-files.ts";
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
    const file = runFiles(run.key).result;
    const finished = await finishedIn(store, run.key, run.request);
    if (finished === undefined) continue;
    if (finished === "damaged") {
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
    const { checkpoint: file, seconds: secondsFile } = runFiles(key);
    const bytes = await store.read(file);
    if (bytes === undefined) continue;
    const checkpoint = await readableCheckpoint(bytes);
    if (checkpoint === undefined) {
      yield await removeDamaged(file);
      await store.remove(secondsFile);
      continue;
    }
    if (!checkpoint.checked) unchecked.push(file);
    if ((await readEffort(await store.read(secondsFile))) !== undefined) continue;
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

/** The list of runs as work that others can do. */
export interface HandedRuns {
  /** Units in the order of the runs. */
  readonly list: WorkList;
  readonly handOut: HandOut;
}

export interface TrainRunsOptions {
  readonly store: ZooStore;
  /** Where small files of finished runs are kept, too. */
  readonly parts?: ZooStore | undefined;
  /** Makes what trains so many runs. */
  readonly pool: (runs: number) => JobPool;
  /** Trains only the runs of a part of the list. @default all */
  readonly part?: ListPart | undefined;
  /** Has workers elsewhere do the runs. @default they are done here */
  readonly handed?: HandedRuns | undefined;
  readonly signal: AbortSignal;
}

/** Shares that are done, and notes on how it goes. */
type RunNews = number | string;

/** Runs that a failure names. */
const namedRuns = 5;

/**
 * Trains the runs that are not finished, marking them as they end; some stay unfinished when the signal aborts.
 * @throws {EnvironmentError} at the end, naming runs that workers elsewhere have given up
 */
export async function* trainRuns(
  runs: readonly ExperimentRun[],
  { store, signal, part, handed, ...options }: TrainRunsOptions,
): AsyncGenerator<RunEvent, void, undefined> {
  const pending = runs.filter(({ finished }, at) => finished === undefined && isInPart(at, part));
  if (pending.length === 0) return;
  const runner =
    handed === undefined
      ? runnerHere(options.pool(pending.length), store)
      : await runnerElsewhere(runs, store, handed);
  const failures: string[] = [];
  for await (const news of runUnits(pending, runner, signal)) {
    if (news.kind === "tick") continue;
    const { key, finished } = news.request;
    if (news.kind === "failed") {
      if (signal.aborted && handed !== undefined) continue;
      if (handed === undefined) throw news.error;
      failures.push(`${key} (${(news.error as Error).message})`);
    } else if (news.kind === "event") {
      if (typeof news.event === "string") yield { type: "warning", message: news.event };
      else {
        news.request.share = news.event;
        yield { type: "progress", note: key };
      }
    } else if (finished !== undefined) {
      news.request.share = 1;
      if (options.parts !== undefined) {
        const message = await keepPart(options.parts, key, finished);
        if (message !== undefined) yield { type: "warning", message };
      }
      const { model, seed, seconds } = finished;
      yield { type: "run", model, seed, seconds };
      if (handed !== undefined) yield { type: "progress", note: key };
    }
  }
  if (failures.length > 0) throw unfinished(store, failures);
}

function unfinished({ location }: ZooStore, failures: readonly string[]): EnvironmentError {
  const more = failures.length > namedRuns ? `; and ${failures.length - namedRuns} more` : "";
  const runs = failures.length === 1 ? "1 run" : `${failures.length} runs`;
  return new EnvironmentError(
    `experiment: ${runs} could not be trained: ${failures.slice(0, namedRuns).join("; ")}${more}; all others are in ${location}, run again to try these once more`,
  );
}

const runnerHere = (pool: JobPool, store: ZooStore): Runner<ExperimentRun, void, RunNews> => ({
  width: pool.width,
  run: async (run, stop, onShare) => {
    const finished = await trainRun(run, store, pool, stop, onShare);
    if (finished !== undefined) run.finished = finished;
  },
  close: () => pool.close(),
});

/** Workers elsewhere do the runs and leave results in the store, which are read when they say so. */
async function runnerElsewhere(
  runs: readonly ExperimentRun[],
  store: ZooStore,
  { list, handOut }: HandedRuns,
): Promise<Runner<ExperimentRun, void, RunNews>> {
  const unitOf = new Map(runs.map((run, at) => [run, list.units[at]]));
  const runOf = new Map(runs.map((run, at) => [list.units[at].id, run]));
  const find = async (run: ExperimentRun | undefined) => {
    const found = run && (await finishedIn(store, run.key, run.request));
    return typeof found === "object" ? found.value : undefined;
  };
  const handed = await handOut(list, async ({ id }) => (await find(runOf.get(id))) !== undefined);
  return {
    width: handed.width,
    run: async (run, stop, tell) => {
      const unit = unitOf.get(run);
      if (unit === undefined) throw new Error(`no unit of ${run.key}`);
      await handed.run(unit, stop, tell);
      const finished = await find(run);
      if (finished === undefined)
        throw new EnvironmentError(
          `${unit.name} was said to be done, and is not whole in ${store.location}`,
        );
      run.finished = finished;
    },
    close: () => handed.close(),
  };
}

/** Trains one run from its last checkpoint, keeping every new one and the result; undefined when it was aborted. */
export async function trainRun(
  run: Pick<ExperimentRun, "key" | "request">,
  store: ZooStore,
  pool: JobPool,
  signal: AbortSignal,
  onShare: (share: number) => void,
): Promise<FinishedJob | undefined> {
  const { key, request } = run;
  const names = runFiles(key);
  const resume = await store.read(names.checkpoint);
  const before = (await readEffort(await store.read(names.seconds)))?.seconds ?? 0;
  const began = performance.now();
  const { machine } = pool;
  const effort = (): Effort => ({
    seconds: before + (performance.now() - began) / 1000,
    ...(machine !== undefined && { machine }),
  });
  let saving = Promise.resolve();
  const save = (bytes: Uint8Array) => {
    saving = saving.then(async () => {
      await store.write(names.checkpoint, bytes);
      await store.write(names.seconds, await effortBytes(effort()));
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
  if (result === undefined) return undefined;
  const finished = { ...result, ...effort() };
  await keepResult(store, key, request, finished);
  return finished;
}
