// The units of one list in a queue, as a coordinator sees them: hands them out, and tells which are done or given up.

/** @ts-ignore the types of an optional package; where it is not installed they are any */
import type { Job, JobsOptions, Queue } from "bullmq";
import type { WorkList, WorkUnit } from "../../work/work-list.ts";
import { closeSoon, maskSecrets, type QueueAddress, type QueueServer } from "./connect.ts";
import { describeList, type UnitData } from "./description.ts";

/** The queue that tells of all lists. */
export const directoryName = "lists";

/** Units that are handed out with one request. */
const batch = 1000;

/** Units of a list by what has become of them. */
export interface UnitCounts {
  readonly waiting: number;
  readonly running: number;
  readonly done: number;
  readonly failed: number;
}

/** How often a unit is tried. */
export interface RetryOptions {
  /** Times that a unit is tried. @default 3 */
  readonly attempts: number;
  /** Milliseconds before the second time, twice as many before each later one. @default 2000 */
  readonly pause: number;
}

/** A list of work in a queue, seen from where its units are handed out. */
export interface UnitQueue {
  /** Hands units out; those that are there already stay as they are. */
  add(units: readonly WorkUnit[]): Promise<void>;
  counts(): Promise<UnitCounts>;
  /**
   * Identities of units that are done, from the `from`-th on by the clocks of the workers. These clocks differ, and a completion
   * may reach the server late: what is done now may stand before what was done earlier, so only `done(0)` has all of them.
   */
  done(from: number): Promise<string[]>;
  /** Units that were given up, with the reason of the last failure. */
  failed(): Promise<{ readonly id: string; readonly reason: string }[]>;
  /** Whether the server tells workers of the list. */
  isListed(): Promise<boolean>;
  /**
   * Hands out units that wait for their next try for longer than any pause: a worker whose clock is ahead puts them off until the
   * clocks of all others have come so far.
   */
  wake(): Promise<void>;
  /** Which of these units the queue has not. */
  missing(ids: readonly string[]): Promise<string[]>;
  /** Forgets units, so that they can be handed out anew. */
  forget(ids: readonly string[]): Promise<void>;
  /** Removes the list from the server; its results are in the store. */
  remove(): Promise<void>;
  close(): Promise<void>;
}

const jobOptions = (id: string, { attempts, pause }: RetryOptions): JobsOptions => ({
  jobId: id,
  attempts,
  backoff: { type: "exponential", delay: pause, jitter: 0.5 },
});

/** The jobs that tell of all lists of a server. */
export async function listsOf(directory: Pick<Queue, "getJobs">): Promise<Job[]> {
  const jobs = (await directory.getJobs(["waiting"], 0, 1000)) as (Job | undefined)[];
  return jobs.filter((job): job is Job => job?.id !== undefined);
}

export async function countsOf(queue: Queue): Promise<UnitCounts> {
  const counts = await queue.getJobCounts("waiting", "delayed", "active", "completed", "failed");
  const { waiting = 0, delayed = 0, active = 0, completed = 0, failed = 0 } = counts;
  return { waiting: waiting + delayed, running: active, done: completed, failed };
}

/** The reason that a job gives, without secrets. */
export const reasonOf = (job: Job, address: QueueAddress): string =>
  maskSecrets(job.failedReason || "no reason was given", address);

/** What hands out units that have been waiting for their next try for longer than any pause. */
function wakeDelayed(queue: Queue, { pause, attempts }: RetryOptions): () => Promise<void> {
  const longest = pause * 2 ** attempts;
  /** When they were first seen to wait, in milliseconds of `performance.now()`. */
  let delayed = new Map<string, number>();
  return async () => {
    const ids = await queue.getRanges(["delayed"], 0, -1, true);
    delayed = new Map(ids.map((id) => [id, delayed.get(id) ?? performance.now()]));
    for (const [id, since] of delayed) {
      if (performance.now() - since <= longest) continue;
      const job = (await queue.getJob(id)) as Job | undefined;
      await job?.promote().catch(() => undefined); // somebody has taken it meanwhile
    }
  };
}

/** Opens the queue of a list; `onProblem` hears of a server that comes and goes. */
export function unitQueue(
  server: QueueServer,
  { digest, kind, location }: Pick<WorkList, "digest" | "kind" | "location">,
  retry: RetryOptions,
  onProblem: (error: Error) => void,
): UnitQueue {
  const [queue, directory] = [server.queue(digest), server.queue(directoryName)];
  for (const each of [queue, directory]) each.on("error", onProblem);
  const ignoring = (work: Promise<unknown>) => work.catch(() => undefined);
  const wake = wakeDelayed(queue, retry);
  return {
    async add(units) {
      await directory.add(kind, describeList(kind, location), { jobId: digest });
      // Removing a list pauses it first; who is killed then leaves it paused.
      if (await queue.isPaused()) await queue.resume();
      for (let at = 0; at < units.length; at += batch)
        await queue.addBulk(
          units.slice(at, at + batch).map(({ id, name }) => ({
            name: kind,
            data: { name } satisfies UnitData,
            opts: jobOptions(id, retry),
          })),
        );
    },
    counts: () => countsOf(queue),
    async done(from) {
      return queue.getRanges(["completed"], from, -1, true);
    },
    async failed() {
      const jobs = (await queue.getJobs(["failed"], 0, -1, true)) as (Job | undefined)[];
      return jobs.flatMap((job) =>
        job?.id === undefined ? [] : [{ id: job.id, reason: reasonOf(job, server.address) }],
      );
    },
    isListed: async () => (await directory.getJob(digest)) !== undefined,
    wake,
    async missing(ids) {
      const lost: string[] = [];
      for (let at = 0; at < ids.length; at += batch) {
        const some = ids.slice(at, at + batch);
        const jobs = await Promise.all(some.map((id) => queue.getJob(id)));
        lost.push(...some.filter((_, i) => jobs[i] === undefined));
      }
      return lost;
    },
    async forget(ids) {
      for (const id of ids) await queue.remove(id);
    },
    async remove() {
      await ignoring(directory.remove(digest));
      await ignoring(queue.obliterate({ force: true }));
    },
    async close() {
      await Promise.all([closeSoon(queue), closeSoon(directory)]);
    },
  };
}
