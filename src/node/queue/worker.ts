// A worker of queues: takes the lists of a server that it can check, and does their units in threads, so that this thread renews
// the locks of the units. A unit that is done twice does no harm, since results are created once.

/** @ts-ignore the types of an optional package; where it is not installed they are any */
import type { Job, Worker } from "bullmq";
import { eventQueue, type EventQueue } from "../../core/event-queue.ts";
import { OptionError } from "../../core/errors.ts";
import { taskEntry } from "../../tasks/registry.ts";
import { keepShard, wholeShard } from "../../zoo/keep-shard.ts";
import type { ShardTrainer } from "../../zoo/training/train-shard.ts";
import { readPackageData } from "../package-data.ts";
import { workerPool } from "../threads/zoo-worker-pool.ts";
import {
  closeSoon,
  maskSecrets,
  parseQueueAddress,
  queueServer,
  type QueueServer,
  unreachable,
} from "./connect.ts";
import { maxStalledCount, stalledInterval } from "./hand-out.ts";
import { type CheckedList, checkList, unitOf } from "./list-description.ts";
import { directoryName } from "./unit-queue.ts";

/** What a worker does, and for how long. */
export interface WorkerSettings {
  /** redis://, rediss:// or postgres:// address. */
  readonly queue: string;
  /** Units at a time, in a thread each. */
  readonly workers: number;
  /** Folders, and s3:// prefixes, that results may go to. */
  readonly within: readonly string[];
  /** Ends when there has been nothing to do for so many seconds. @default never */
  readonly idle?: number | undefined;
  /** Seconds after which the units of a worker that is not heard of are handed out again. @default 60 */
  readonly lock?: number;
  /** Seconds for which the server may be away. @default 120 */
  readonly reach?: number;
  readonly signal: AbortSignal;
}

/** What a worker of a queue tells while it works. */
export type WorkerEvent =
  /** The server answers. */
  | { readonly type: "ready"; readonly queue: string }
  /** A list is worked on. */
  | {
      readonly type: "list";
      readonly list: string;
      readonly location: string;
      readonly units: number;
    }
  /** A list is not worked on. */
  | { readonly type: "refused"; readonly list: string; readonly message: string }
  | {
      readonly type: "unit";
      readonly list: string;
      readonly name: string;
      readonly checksum: string;
      readonly seconds: number;
    }
  | {
      readonly type: "failed";
      readonly list: string;
      readonly name: string;
      readonly message: string;
    }
  | { readonly type: "warning"; readonly message: string };

const defaults = { lock: 60, reach: 120 } as const;
const lookMilliseconds = 1000;
/** Jobs that are looked at before a list is worked on. */
const firstJobs = 100;

/** What a worker has at hand. */
interface Bench {
  readonly server: QueueServer;
  readonly settings: WorkerSettings & Required<Pick<WorkerSettings, "lock" | "reach">>;
  readonly events: EventQueue<WorkerEvent>;
  readonly trainer: ShardTrainer;
  /** Aborts the units that are being done. */
  readonly stop: AbortController;
  readonly served: Map<string, Worker>;
  readonly refused: Set<string>;
  /** Units at hand, and when one was done or the server answered, in milliseconds of `performance.now()`. */
  readonly last: { active: number; worked: number; reached: number; problem?: Error };
}

/**
 * Works until the signal aborts, until it has been idle for long enough, or until the server is gone for good.
 * @throws {OptionError} for an address that is none; {EnvironmentError} when a package is missing or the server is gone
 */
export async function* runWorker(
  given: WorkerSettings,
): AsyncGenerator<WorkerEvent, void, undefined> {
  const settings = { ...defaults, ...given };
  const server = await queueServer(parseQueueAddress(settings.queue));
  const events = eventQueue<WorkerEvent>();
  const start = performance.now();
  const bench: Bench = {
    server,
    settings,
    events,
    trainer: workerPool(settings.workers),
    stop: new AbortController(),
    served: new Map(),
    refused: new Set(),
    last: { active: 0, worked: start, reached: start },
  };
  const working = watchLists(bench).then(
    () => events.close(),
    (error: unknown) => events.close(error),
  );
  try {
    yield* events.drain();
  } finally {
    bench.stop.abort();
    await working;
  }
}

/** Looks for lists again and again. */
async function watchLists(bench: Bench): Promise<void> {
  const { server, settings, events, last, served } = bench;
  const directory = server.queue(directoryName);
  const onProblem = (error: Error): void => void (last.problem = error);
  directory.on("error", onProblem);
  let isReady = false;
  try {
    while (!settings.signal.aborted && !bench.stop.signal.aborted) {
      const away = (performance.now() - last.reached) / 1000;
      if (away > settings.reach) throw unreachable(server.address, away, last.problem);
      try {
        const jobs = await listsOf(directory);
        last.reached = performance.now();
        if (!isReady) events.push({ type: "ready", queue: server.address.shown });
        isReady = true;
        await serveAll(bench, jobs);
      } catch (error) {
        last.problem ??= error as Error;
      }
      const idleSeconds = (performance.now() - last.worked) / 1000;
      const isIdle = isReady && last.active === 0;
      if (settings.idle !== undefined && isIdle && idleSeconds > settings.idle) return;
      await new Promise((resolve) => setTimeout(resolve, lookMilliseconds));
    }
  } finally {
    // A unit that is given up here goes back to the queue when its lock ends; whoever does it makes the same bytes.
    await Promise.all([...served.values()].map((worker) => closeSoon(worker, true)));
    bench.stop.abort();
    await bench.trainer.close();
    await closeSoon(directory);
  }
}

/** All lists of a server. */
export async function listsOf(directory: {
  getJobs(types: "waiting"[], start: number, end: number): Promise<(Job | undefined)[]>;
}): Promise<Job[]> {
  const jobs = await directory.getJobs(["waiting"], 0, 1000);
  return jobs.filter((job): job is Job => job?.id !== undefined);
}

/** Takes lists that are new, and leaves those that are gone. */
async function serveAll(bench: Bench, jobs: readonly Job[]): Promise<void> {
  const { served, refused } = bench;
  const there = new Set(jobs.map(({ id }) => id));
  for (const [name, worker] of served) {
    if (there.has(name)) continue;
    served.delete(name);
    await closeSoon(worker);
  }
  for (const name of refused) if (!there.has(name)) refused.delete(name);
  for (const job of jobs) {
    const name = String(job.id);
    if (!served.has(name) && !refused.has(name)) await serve(bench, name, job.data);
  }
}

function refuse({ events, refused, server }: Bench, list: string, error: unknown): void {
  const { message } = error as Error;
  refused.add(list);
  events.push({ type: "refused", list, message: maskSecrets(message, server.address) });
}

/** Checks a list and the first of its jobs, and begins to work on it. */
async function serve(bench: Bench, name: string, received: unknown): Promise<void> {
  const { server, settings, events } = bench;
  let checked: CheckedList;
  try {
    checked = await checkList(name, received, settings.within);
    const queue = server.queue(name);
    queue.on("error", (error) => (bench.last.problem = error));
    try {
      const jobs = await queue.getJobs(["waiting", "delayed", "active"], 0, firstJobs);
      for (const job of jobs as (Job | undefined)[]) if (job) unitOf(job, checked);
    } finally {
      await closeSoon(queue);
    }
  } catch (error) {
    refuse(bench, name, error);
    return;
  }
  const { location } = checked.store;
  events.push({ type: "list", list: name, location, units: checked.list.units.length });
  const worker = server.worker(name, (job) => doUnit(bench, name, checked, job), {
    concurrency: settings.workers,
    lockDuration: 1000 * settings.lock,
    stalledInterval: stalledInterval(settings.lock),
    maxStalledCount,
    runRetryDelay: 1000,
    drainDelay: 2,
    name: `${process.pid}`,
  });
  worker.on("error", (error) => {
    bench.last.problem = error;
    if (/lock/i.test(error.message))
      events.push({
        type: "warning",
        message: `a unit's lock was lost (${maskSecrets(error.message, server.address)}); it may be done twice, which gives the same bytes`,
      });
  });
  bench.served.set(name, worker);
}

/** Does the unit of a job, unless it is done already. */
async function doUnit(
  bench: Bench,
  list: string,
  checked: CheckedList,
  job: Job,
): Promise<{ checksum: string; seconds: number }> {
  const { events, last, trainer, stop } = bench;
  const { store, manifest } = checked;
  const unit = await foreignRefused(bench, list, checked, job);
  last.active++;
  const began = performance.now();
  try {
    const { name, from, count } = unit;
    const plan = { name, from, count };
    const { recipe, seed } = manifest;
    const { dataFile } = taskEntry(recipe.task);
    const known = await wholeShard(store, manifest, plan);
    const data = dataFile === undefined ? new Uint8Array(0) : await readPackageData(dataFile);
    const progress = new Int32Array(new SharedArrayBuffer(4));
    const request = { recipe, seed, from, count, data, progress, slot: 0 };
    const info =
      known ??
      (await keepShard(
        store,
        manifest,
        plan,
        await trainer.run(request, stop.signal, () => undefined),
      ));
    const checksum = info.header.metadata["checksum"] ?? "";
    const seconds = (performance.now() - began) / 1000;
    events.push({ type: "unit", list, name, checksum, seconds });
    return { checksum, seconds };
  } catch (error) {
    const message = maskSecrets((error as Error).message, bench.server.address);
    events.push({ type: "failed", list, name: unit.name, message });
    throw error;
  } finally {
    last.active--;
    last.worked = performance.now();
  }
}

/** The unit of a job; a foreign one ends the work on its list. */
async function foreignRefused(
  bench: Bench,
  list: string,
  checked: CheckedList,
  job: Job,
): Promise<ReturnType<typeof unitOf>> {
  try {
    return unitOf(job, checked);
  } catch (error) {
    const worker = bench.served.get(list);
    bench.served.delete(list);
    refuse(bench, list, error);
    if (worker !== undefined) void closeSoon(worker);
    const { UnrecoverableError } = await import("bullmq");
    throw error instanceof OptionError ? new UnrecoverableError(error.message) : error;
  }
}
