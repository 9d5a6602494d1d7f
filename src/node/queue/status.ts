// How far the lists of a queue are.

/** @ts-ignore the types of an optional package; where it is not installed they are any */
import type { Job } from "bullmq";
import { EnvironmentError } from "../../core/errors.ts";
import {
  closeSoon,
  parseQueueAddress,
  queueServer,
  unreachable,
  withinSeconds,
} from "./connect.ts";
import { countsOf, directoryName, listsOf, reasonOf, type UnitCounts } from "./unit-queue.ts";

/** How far one list is. */
export interface ListStatus extends UnitCounts {
  readonly list: string;
  /** What its units are: `zoo`, `trials` and `runs` of experiments, `optimizers`. */
  readonly kind: string;
  readonly location: string;
  /** Units a minute that the units at hand make, if each takes as long as the last ones did; null while none is done or at hand. */
  readonly perMinute: number | null;
  /** Seconds until all are done at that rate; null where there is none. */
  readonly secondsLeft: number | null;
  /** Workers with a unit at hand. */
  readonly workers: number;
  /** The first units that were given up, with their reasons. */
  readonly givenUp: readonly { readonly name: string; readonly reason: string }[];
}

/** Finished units whose durations make the rate. */
const lately = 50;
const named = 5;
const answerSeconds = 10;

/**
 * The state of every list of a server.
 * @throws {OptionError} for an address that is none; {EnvironmentError} when a package is missing or the server does not answer
 */
export async function queueStatus(address: string): Promise<ListStatus[]> {
  const server = await queueServer(parseQueueAddress(address));
  const directory = server.queue(directoryName);
  let problem: Error | undefined;
  directory.on("error", (error) => (problem = error));
  const read = async (): Promise<ListStatus[]> => {
    const all: ListStatus[] = [];
    for (const { id, data } of await listsOf(directory)) all.push(await statusOf(String(id), data));
    return all;
  };
  const statusOf = async (list: string, told: unknown): Promise<ListStatus> => {
    const queue = server.queue(list);
    queue.on("error", (error) => (problem = error));
    try {
      const counts = await countsOf(queue);
      const jobs = async (type: "completed" | "failed" | "active", end: number) =>
        ((await queue.getJobs([type], 0, end)) as (Job | undefined)[]).flatMap((job) => job ?? []);
      const perMinute = rateOf(await jobs("completed", lately - 1), counts.running);
      const active = await jobs("active", 1000);
      const failed = await jobs("failed", named - 1);
      const left = counts.waiting + counts.running;
      return {
        list,
        kind: textOf(told, "kind"),
        location: textOf(told, "location"),
        ...counts,
        perMinute,
        secondsLeft: perMinute === null ? null : (60 * left) / perMinute,
        workers: new Set(active.map(({ processedBy }) => processedBy)).size,
        givenUp: failed.map((job) => ({
          name: textOf(job.data, "name"),
          reason: reasonOf(job, server.address),
        })),
      };
    } finally {
      await closeSoon(queue);
    }
  };
  try {
    return await withinSeconds(answerSeconds, read());
  } catch (error) {
    if (error instanceof EnvironmentError) throw error;
    throw unreachable(server.address, answerSeconds, problem ?? error);
  } finally {
    await closeSoon(directory);
  }
}

const textOf = (data: unknown, key: string): string => {
  const value =
    typeof data === "object" && data !== null ? (data as Record<string, unknown>)[key] : "";
  return typeof value === "string" ? value : "";
};

/** Units a minute, from how long the latest took; their times are told by clocks of many machines, which differ. */
function rateOf(jobs: readonly Job[], running: number): number | null {
  const seconds = jobs.flatMap(({ returnvalue }) => {
    const { seconds: took } = (returnvalue ?? {}) as { readonly seconds?: unknown };
    return typeof took === "number" && took > 0 ? took : [];
  });
  const sum = seconds.reduce((total, took) => total + took, 0);
  return running === 0 || seconds.length === 0 ? null : (60 * running * seconds.length) / sum;
}
