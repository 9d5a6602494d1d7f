// Where the runs of an experiment are kept and who does them, as its flags say.

import type { NodeExperimentOptions } from "../../node/run-experiment.ts";
import type { Cli } from "../app/context.ts";
import { type MachineFlags, machinesOf, openSharedStore, placeIn } from "./options.ts";
import { counted } from "../app/output.ts";
import type { TrainingFlags } from "../experiments/generalization-flags.ts";

/**
 * The options of an experiment that say where its runs are and who does them.
 * @param usual where they are kept unless --store says so
 * @param name of one experiment among several, which has a place of its own in --store and --parts
 */
export async function runStores(
  flags: MachineFlags & Pick<TrainingFlags, "store" | "parts" | "workers">,
  usual: string,
  name?: string,
): Promise<Pick<NodeExperimentOptions, "store" | "parts" | "handOut" | "part" | "workers">> {
  const own = (place: string) => (name === undefined ? place : placeIn(place, name));
  const { openStore } = await import("../../node/open-store.ts");
  return {
    store: await openSharedStore(flags.store === undefined ? usual : own(flags.store), flags),
    ...(flags.parts !== undefined && { parts: await openStore(own(flags.parts)) }),
    ...(await machinesOf(flags)),
    workers: flags.workers,
  };
}

/** Whether an experiment ended without results because it was asked for a part. */
export const isPartOnly = ({ shard }: MachineFlags, { signal }: Cli): boolean =>
  shard !== undefined && !signal.aborted;

/** What is said at the end of a part. */
export const partText = (finished: number, runs: number): string =>
  `${finished} of ${counted(runs, "run")} are there; the same command without --shard ends with the results when all are (after a search, run every part once more)`;
