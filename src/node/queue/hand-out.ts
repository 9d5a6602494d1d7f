// The coordinator's side of a queue as a runner of units: hands out what is to be done, waits for it with bounds on every wait, and
// hands out again what a server has forgotten. The store is the truth; the queue may be lost at any moment.

import { EnvironmentError, isOurError } from "../../core/errors.ts";
import type { Runner, WorkList, WorkUnit } from "../../work/work-list.ts";
import { checkClock } from "./check-clock.ts";
import {
  closeSoon,
  maxStalledCount,
  parseQueueAddress,
  queueServer,
  type QueueServer,
  stalledInterval,
  unreachable,
  withinSeconds,
} from "./connect.ts";
import { type RetryOptions, type UnitCounts, type UnitQueue, unitQueue } from "./unit-queue.ts";

/** Where units are handed out, and how long is waited for workers. */
export interface HandOutOptions extends Partial<RetryOptions> {
  /** redis://, rediss:// or postgres:// address. */
  readonly queue: string;
  /** Seconds without any worker at work until it is given up; the same work can be started again. @default 600 */
  readonly patience?: number;
  /** Seconds for which the server may be away. @default 120 */
  readonly reach?: number;
  /** Seconds after which the units of a worker that is not heard of are handed out again. @default 60 */
  readonly lock?: number;
  /** Milliseconds between looks at the queue. @default 500 */
  readonly poll?: number;
}

const defaults = { attempts: 3, pause: 2000, patience: 600, reach: 120, lock: 60, poll: 500 };

/** Seconds without a worker after which a note says so. */
const noteSeconds = 20;

/** Seconds between looks at everything that is done, whatever the counts say. */
const wholeLookSeconds = 10;

/** More seconds between two looks are taken for a process that was stopped. */
const longestLookSeconds = 5;

/** How long a server that does not answer is waited for when the build ends. */
const leaveSeconds = 5;

/** A unit that somebody waits for. */
interface Waiting {
  readonly unit: WorkUnit;
  /** Whether its result is in the store. */
  readonly isDone: () => Promise<boolean>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly tell: (note: string) => void;
}

/**
 * A runner whose units are done by the workers of a queue.
 * @throws {OptionError} for an address that is none; {EnvironmentError} when a package is missing
 */
export async function queueRunner<Unit extends WorkUnit>(
  list: WorkList<Unit>,
  isDone: (unit: Unit) => Promise<boolean>,
  options: HandOutOptions,
): Promise<Runner<Unit, unknown, string>> {
  const settings = { ...defaults, ...options };
  const server = await queueServer(parseQueueAddress(options.queue));
  const retry = { attempts: settings.attempts, pause: settings.pause };
  let problem: Error | undefined;
  const queue = unitQueue(server, list, retry, (error) => (problem = error));
  const waiting = new Map<string, Waiting>();
  const guard = stalledGuard(server, list.digest, settings.lock, (error) => (problem = error));
  const watch = new AbortController();
  const watching: Watch = { settings, server, queue, waiting, problem: () => problem };
  let loop: Promise<void> | undefined;
  return {
    width: Math.max(1, list.units.length),
    run: (unit, signal, tell) => {
      if (loop === undefined) {
        // One listener for all units, which have the same signal.
        signal.addEventListener("abort", () => rejectAll(watching, signal.reason as Error), {
          once: true,
        });
        loop = Promise.resolve().then(() => watchQueue(watching, watch.signal));
      }
      return new Promise<void>((resolve, reject) => {
        waiting.set(unit.id, { unit, isDone: () => isDone(unit), resolve, reject, tell });
      });
    },
    close: async () => {
      watch.abort();
      await withinSeconds(leaveSeconds, Promise.resolve(loop)).catch(() => undefined);
      if (waiting.size === 0)
        await withinSeconds(leaveSeconds, queue.remove()).catch(() => undefined);
      await Promise.all([queue.close(), guard.close()]);
    },
  };
}

/** Gives the units of workers that are gone back to the others, also when no other worker is there. */
function stalledGuard(
  server: QueueServer,
  digest: string,
  lock: number,
  onProblem: (error: Error) => void,
): { close(): Promise<void> } {
  const guard = server.worker(digest, null, {
    lockDuration: 1000 * lock,
    stalledInterval: stalledInterval(lock),
    maxStalledCount,
  });
  guard.on("error", onProblem);
  guard.startStalledCheckTimer().catch(onProblem);
  return { close: () => closeSoon(guard, true) };
}

/** What watching a queue needs. */
interface Watch {
  readonly settings: Required<Pick<HandOutOptions, "patience" | "reach" | "poll" | "lock">>;
  readonly server: QueueServer;
  readonly queue: UnitQueue;
  readonly waiting: Map<string, Waiting>;
  /** The last thing that the connection complained of. */
  readonly problem: () => Error | undefined;
}

/** What has been seen of a queue so far. */
interface Seen {
  counts: string;
  done: number;
  /** When the queue was looked at, and when all that is done was, for the last time. */
  at: number;
  whole: number;
  /** Seconds of looking since somebody was at work; those in which this process was stopped do not count. */
  idle: number;
  isSubmitted: boolean;
  hasNoted: boolean;
}

/** Looks at the queue again and again until nobody waits; every failure ends all waits. */
async function watchQueue(watch: Watch, signal: AbortSignal): Promise<void> {
  const { settings, waiting, server } = watch;
  const now = () => performance.now() / 1000;
  const seen: Seen = {
    counts: "",
    done: 0,
    isSubmitted: false,
    hasNoted: false,
    at: now(),
    whole: now(),
    idle: 0,
  };
  /** Since when the server does not answer; a process that was stopped for long has not asked meanwhile. */
  let awaySince: number | undefined;
  while (waiting.size > 0 && !signal.aborted) {
    const began = now();
    try {
      await withinSeconds(settings.reach, lookOnce(watch, seen, began));
      if (awaySince !== undefined) tell(watch, `${server.address.shown} is back`);
      awaySince = undefined;
      if (seen.idle > settings.patience) {
        await settleDone(watch, [...waiting.keys()]); // workers of another list may have done it
        return rejectAll(watch, new EnvironmentError(nobody(watch)));
      }
    } catch (error) {
      if (isOurError(error)) return rejectAll(watch, error as Error); // of the store, or of this machine
      if (awaySince === undefined)
        tell(watch, `${server.address.shown} does not answer; trying for ${settings.reach} s`);
      awaySince ??= began;
      const away = now() - awaySince;
      if (away > settings.reach)
        return rejectAll(watch, unreachable(server.address, away, watch.problem() ?? error));
    }
    await new Promise((resolve) => setTimeout(resolve, settings.poll));
  }
}

const nobody = ({ settings, server }: Watch): string =>
  `queue: nobody has worked on the list for ${settings.patience} s; start workers with: weightspace worker --queue ${server.address.shown}, then run again`;

function tell({ waiting }: Watch, note: string): void {
  for (const one of waiting.values()) return one.tell(note);
}

function rejectAll({ waiting }: Watch, error: Error): void {
  for (const { reject } of waiting.values()) reject(error);
}

async function lookOnce(watch: Watch, seen: Seen, now: number): Promise<void> {
  const { queue, waiting } = watch;
  if (!seen.isSubmitted) {
    await checkClock(watch.server, watch.settings.lock);
    await submit(watch);
    seen.isSubmitted = true;
  }
  const counts = await queue.counts();
  const { done, failed, running } = counts;
  if (done < seen.done) seen.done = 0;
  if (done > seen.done) {
    const ids = await queue.done(seen.done);
    seen.done += ids.length;
    for (const id of ids) settle(watch, id);
  }
  if (failed > 0) for (const { id, reason } of await queue.failed()) settle(watch, id, reason);
  const changed = JSON.stringify(counts) !== seen.counts;
  seen.idle += Math.min(now - seen.at, longestLookSeconds);
  seen.at = now;
  if (changed || running > 0) [seen.idle, seen.hasNoted] = [0, false];
  seen.counts = JSON.stringify(counts);
  if (!seen.hasNoted && seen.idle > noteSeconds && waiting.size > 0) {
    seen.hasNoted = true;
    tell(
      watch,
      `no worker is at work; start one with: weightspace worker --queue ${watch.server.address.shown}`,
    );
  }
  if (counts.waiting > 0) await queue.wake();
  if (isShort(counts, waiting.size) || !(await queue.isListed())) await findLost(watch);
  else if (now - seen.whole > wholeLookSeconds) {
    // Units of another part of the list may hide that some of this one are done behind what is known.
    for (const id of await queue.done(0)) settle(watch, id);
    seen.whole = now;
  }
}

/** Whether the queue knows of less work than is waited for. */
const isShort = ({ waiting, running }: UnitCounts, wanted: number): boolean =>
  waiting + running < wanted;

/** Ends the wait for a unit. */
function settle({ waiting }: Watch, id: string, reason?: string): void {
  const one = waiting.get(id);
  if (one === undefined) return;
  waiting.delete(id);
  if (reason === undefined) one.resolve();
  else one.reject(new EnvironmentError(reason));
}

/** Ends the wait for those of some units whose results are in the store. */
async function settleDone(watch: Watch, ids: readonly string[]): Promise<void> {
  for (const id of ids) if ((await watch.waiting.get(id)?.isDone()) === true) settle(watch, id);
}

/** Hands out all units; of those that the queue took for finished, such as of a store that was emptied, only what is not there. */
async function submit(watch: Watch): Promise<void> {
  const { queue, waiting } = watch;
  const finished = [...(await queue.done(0)), ...(await queue.failed()).map(({ id }) => id)];
  for (const id of finished) {
    const one = waiting.get(id);
    if (one === undefined) continue;
    if (await one.isDone()) settle(watch, id);
    else await queue.forget([id]);
  }
  await queue.add([...waiting.values()].map(({ unit }) => unit));
}

/** Settles what was done behind what is known, and hands out what the server has forgotten, unless it was done before. */
async function findLost(watch: Watch): Promise<void> {
  const { queue, waiting } = watch;
  for (const id of await queue.done(0)) settle(watch, id);
  const lost = await queue.missing([...waiting.keys()]);
  await settleDone(watch, lost);
  const again = lost.flatMap((id) => waiting.get(id)?.unit ?? []);
  if (waiting.size > 0) await queue.add(again); // the list, too: another coordinator may have removed it
  if (again.length === 0) return;
  tell(watch, `the queue had lost ${again.length} units, which were handed out again`);
}
