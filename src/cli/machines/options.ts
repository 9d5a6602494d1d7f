// Options of commands whose work is a list that others may do: a queue of workers, or a part of a job array.

import { resolve } from "node:path";
import type { Command } from "commander";
import type { HandOut, ListPart } from "../../work/work-list.ts";
import { wholeNumber } from "../app/arguments.ts";
import { parsePart } from "./shard-option.ts";

export interface MachineFlags {
  readonly shard?: string | true;
  readonly queue?: string;
  readonly wait?: number;
}

/** Adds --shard, --queue and --wait; `what` is what the list is of, and `join` how parts become one. */
export const addMachineOptions = (command: Command, what: string, join: string): Command =>
  command
    .option(
      "--shard [i/n]",
      `does part i of n of the ${what} only; ${join}; without i, or i and n, those of a job array (Kubernetes, SLURM)`,
    )
    .option(
      "--queue <address>",
      `hands the ${what} out to weightspace worker: redis://host:6379 or postgres://host/database`,
    )
    .option(
      "--wait <seconds>",
      "with --queue: ends when no worker has been at work for so long",
      wholeNumber(1),
      600,
    );

/** The option that says where runs are kept. */
export const storeOption = [
  "--store <place>",
  "where runs are kept, a folder or s3://bucket/prefix; default in the folder of -o",
] as const;

/** How the parts of an experiment become one. */
export const joinRuns = "with the same --store or --parts, the same command without it joins them";

/** What the flags ask for. @throws {UsageError} {OptionError} for a part or an address that is none */
export async function machinesOf({
  shard,
  queue,
  wait,
}: MachineFlags): Promise<{ part?: ListPart; handOut?: HandOut }> {
  const part = shard === undefined ? undefined : parsePart(shard, process.env);
  if (queue === undefined) return part === undefined ? {} : { part };
  const { parseQueueAddress } = await import("../../node/queue/connect.ts");
  const { queueRunner } = await import("../../node/queue/hand-out.ts");
  parseQueueAddress(queue);
  const handOut: HandOut = (list, isDone) =>
    queueRunner(list, isDone, { queue, ...(wait !== undefined && { patience: wait }) });
  return { handOut, ...(part && { part }) };
}

/** The store of results at a place: workers elsewhere know a folder by its whole path. @throws as `openStore` */
export async function openSharedStore(place: string, { queue }: Pick<MachineFlags, "queue">) {
  const { isRemote, openStore } = await import("../../node/open-store.ts");
  const store = await openStore(queue === undefined || isRemote(place) ? place : resolve(place));
  if (isRemote(place)) {
    const { checkConditionalWrites } = await import("../../remote/conditional-writes.ts");
    await checkConditionalWrites(store);
  }
  return store;
}

/** A place inside another. */
export const placeIn = (place: string, name: string): string =>
  `${place.replace(/\/+$/, "")}/${name}`;
