// A worker of queues: takes the lists of a server that it can check, and does their units in threads, so that this thread renews
// the locks of the units. A unit that is done twice does no harm, since results are created once.

/** @ts-ignore the types of an optional package; where it is not installed they are any */
import type { Job, Worker } from "bullmq";
import { sha256 } from "../../core/checksum.ts";
import { eventQueue, type EventQueue } from "../../core/event-queue.ts";
import { EnvironmentError, isOurError } from "../../core/errors.ts";
import { visibleName } from "../../core/visible.ts";
import type { Arithmetic } from "../../kernels/wasm/fused-multiply-add.ts";
import { checkClock } from "./check-clock.ts";
import { type CheckedList, checkList, placeOf } from "./check-list.ts";
import {
  closeSoon,
  maskSecrets,
  maxStalledCount,
  parseQueueAddress,
  queueServer,
  type QueueServer,
  stalledInterval,
  unreachable,
  withinSeconds,
} from "./connect.ts";
import { defaultPlaces } from "./place.ts";
import { directoryName, listsOf } from "./unit-queue.ts";
import type { WorkerMeans } from "./opened-list.ts";
import { workPools } from "./work-pools.ts";

/** What a worker does, and for how long. */
export interface WorkerSettings {
  /** redis://, rediss:// or postgres:// address. */
  readonly queue: string;
  /** Units at a time, in a thread each. */
  readonly workers: number;
  /** Folders, and s3:// prefixes, that results may go to. @default the current folder, and s3:// anywhere */
  readonly within?: readonly string[] | undefined;
  /** Ends when there has been nothing to do for so many seconds. @default never */
  readonly idle?: number | undefined;
  /** Seconds after which the units of a worker that is not heard of are handed out again. @default 60 */
  readonly lock?: number;
  /** Seconds for which the server may be away. @default 120 */
  readonly reach?: number;
  /** Data of tasks that bring none, such as packed images; work on others is refused. @default none */
  readonly data?: readonly Uint8Array[] | undefined;
  /** Takes only work that rounds in this way. @default both, where the machine can */
  readonly arithmetic?: Arithmetic | undefined;
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
  /** A list is not worked on; where its store failed, it is looked at again after half a minute. */
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
/** How long a list is left alone whose store could not be read. */
const againMilliseconds = 30_000;
/** How long one is left alone whose queue could not be read. */
const soonMilliseconds = 5000;
/** Jobs that are looked at before a list is worked on. */
const firstJobs = 100;

/** What a worker has at hand. */
interface Bench {
  readonly server: QueueServer;
  readonly settings: WorkerSettings &
    Required<Pick<WorkerSettings, "lock" | "reach">> & { readonly within: readonly string[] };
  readonly events: EventQueue<WorkerEvent>;
  /** Tells it from workers of other machines, whose processes may have the same number. */
  readonly name: string;
  readonly means: WorkerMeans;
  /** Aborts the units that are being done. */
  readonly stop: AbortController;
  readonly served: Map<string, Worker>;
  /** Lists that are not worked on, with the time until which they are left alone. */
  readonly refused: Map<string, number>;
  /** Units at hand, and when one was done, in milliseconds of `performance.now()`. */
  readonly last: { active: number; worked: number; problem?: Error };
}

/**
 * Works until the signal aborts, until it has been idle for long enough, or until the server is gone for good.
 * @throws {OptionError} for an address that is none; {EnvironmentError} when a package is missing or the server is gone
 */
export async function* runWorker(
  given: WorkerSettings,
): AsyncGenerator<WorkerEvent, void, undefined> {
  const settings = { ...defaults, ...given, within: given.within ?? defaultPlaces() };
  const server = await queueServer(parseQueueAddress(settings.queue));
  const events = eventQueue<WorkerEvent>();
  const bench: Bench = {
    server,
    settings,
    events,
    name: `${process.pid}-${crypto.randomUUID().slice(0, 8)}`,
    means: {
      pools: workPools(settings.workers, settings.arithmetic),
      given: await byDigest(settings.data ?? []),
    },
    stop: new AbortController(),
    served: new Map(),
    refused: new Map(),
    last: { active: 0, worked: performance.now() },
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

const byDigest = async (data: readonly Uint8Array[]): Promise<WorkerMeans["given"]> =>
  new Map(
    await Promise.all(
      data.map(async (bytes) => [await sha256(new Uint8Array(bytes)), bytes] as const),
    ),
  );

/** Looks for lists again and again. */
async function watchLists(bench: Bench): Promise<void> {
  const { server, settings, events, last, served } = bench;
  const directory = server.queue(directoryName);
  const onProblem = (error: Error): void => void (last.problem = error);
  directory.on("error", onProblem);
  let isReady = false;
  /** Since when the server does not answer; a process that was stopped for long has not asked meanwhile. */
  let awaySince: number | undefined;
  try {
    while (!settings.signal.aborted && !bench.stop.signal.aborted) {
      const began = performance.now();
      const left = settings.reach - (began - (awaySince ?? began)) / 1000;
      try {
        if (!isReady) await withinSeconds(left, checkClock(server, settings.lock), settings.signal);
        // A client that has never been connected waits for a server without end.
        const jobs = await withinSeconds(left, listsOf(directory), settings.signal);
        awaySince = undefined;
        if (!isReady) events.push({ type: "ready", queue: server.address.shown });
        isReady = true;
        await serveAll(bench, jobs);
      } catch (error) {
        if (isOurError(error) && !settings.signal.aborted) throw error; // of the clock
        last.problem ??= error as Error;
        awaySince ??= began;
        const away = (performance.now() - awaySince) / 1000;
        if (away > settings.reach && !settings.signal.aborted)
          throw unreachable(server.address, away, last.problem);
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
    await bench.means.pools.close();
    await closeSoon(directory);
  }
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
  for (const name of refused.keys()) if (!there.has(name)) refused.delete(name);
  for (const job of jobs) {
    const name = String(job.id);
    const isLeftAlone = performance.now() < (refused.get(name) ?? 0);
    if (served.has(name) || isLeftAlone) continue;
    try {
      await serve(bench, name, job.data);
    } catch (error) {
      bench.last.problem = error as Error;
      refused.set(name, performance.now() + soonMilliseconds);
      const message = maskSecrets((error as Error).message, bench.server.address);
      const shown = visibleName(name.slice(0, 12));
      bench.events.push({
        type: "warning",
        message: `list ${shown} could not be looked at (${message}); trying again`,
      });
    }
  }
}

/** Tells why a list is not worked on, and leaves it alone: for good, unless its store may be there again later. */
function refuse({ events, refused, server }: Bench, list: string, error: Error): void {
  const isPassing = error instanceof EnvironmentError;
  refused.set(list, isPassing ? performance.now() + againMilliseconds : Infinity);
  events.push({ type: "refused", list, message: maskSecrets(error.message, server.address) });
}

/**
 * Checks a list and the first of its jobs, and begins to work on it.
 * @throws {Error} of a connection that failed; the list is looked at again
 */
async function serve(bench: Bench, name: string, told: unknown): Promise<void> {
  const { server, settings, events, means } = bench;
  let checked: CheckedList;
  try {
    checked = await checkList(name, told, settings.within, means);
    await checkFirstJobs(bench, name, checked);
  } catch (error) {
    if (!isOurError(error)) throw error;
    refuse(bench, name, error as Error);
    return;
  }
  const { location, units } = checked.list;
  events.push({ type: "list", list: name, location, units: units.length });
  const worker = server.worker(name, (job) => doUnit(bench, name, checked, job), {
    concurrency: settings.workers,
    lockDuration: 1000 * settings.lock,
    stalledInterval: stalledInterval(settings.lock),
    maxStalledCount,
    runRetryDelay: 1000,
    drainDelay: 2,
    name: bench.name,
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

/** @throws {OptionError} when one of the first jobs is none of the list's units */
async function checkFirstJobs(
  { server, settings, last }: Bench,
  name: string,
  checked: CheckedList,
): Promise<void> {
  const queue = server.queue(name);
  queue.on("error", (error) => (last.problem = error));
  try {
    const asked = queue.getJobs(["waiting", "delayed", "active"], 0, firstJobs);
    const jobs = await withinSeconds(settings.reach, asked);
    for (const job of jobs as (Job | undefined)[]) if (job) placeOf(job, checked);
  } finally {
    await closeSoon(queue);
  }
}

/** Does the unit of a job, unless it is done already. */
async function doUnit(
  bench: Bench,
  list: string,
  checked: CheckedList,
  job: Job,
): Promise<{ checksum: string; seconds: number }> {
  const { events, last, stop } = bench;
  const at = await ownPlaceOf(bench, list, checked, job);
  const { name } = checked.list.units[at];
  last.active++;
  const began = performance.now();
  let isLeft = false;
  try {
    const changed = await checked.changed();
    isLeft = changed !== undefined;
    // Looked at again later, since the work may be the same once more.
    if (changed !== undefined) return await leave(bench, list, new EnvironmentError(changed));
    const checksum = await checked.run(at, stop.signal);
    const seconds = (performance.now() - began) / 1000;
    events.push({ type: "unit", list, name, checksum, seconds });
    return { checksum, seconds };
  } catch (error) {
    const message = maskSecrets((error as Error).message, bench.server.address);
    // A unit that is given up because the worker ends has not failed.
    const isToTell = !stop.signal.aborted && !isLeft;
    if (isToTell) events.push({ type: "failed", list, name, message });
    throw error;
  } finally {
    last.active--;
    last.worked = performance.now();
  }
}

/** Where the unit of a job stands in the list; a foreign job ends the work on it. */
async function ownPlaceOf(
  bench: Bench,
  list: string,
  checked: CheckedList,
  job: Job,
): Promise<number> {
  try {
    return placeOf(job, checked);
  } catch (error) {
    return leave(bench, list, error as Error);
  }
}

/** Ends the work on a list, and sets the unit at hand aside. @throws {Error} which says why */
async function leave(bench: Bench, list: string, error: Error): Promise<never> {
  const worker = bench.served.get(list);
  bench.served.delete(list);
  refuse(bench, list, error);
  if (worker !== undefined) void closeSoon(worker);
  const { UnrecoverableError } = await import("bullmq");
  throw new UnrecoverableError(error.message);
}
