// Options of matching shared by align and merge, and its progress.

import { type Command, InvalidArgumentError } from "commander";
import type { MatchOptions } from "../../align/matching/match-weights.ts";
import { seedNumber } from "../app/arguments.ts";
import type { Cli } from "../app/context.ts";

export interface MatchFlags {
  readonly starts?: NonNullable<MatchOptions["starts"]>;
  readonly seed: number;
}

export function addMatchOptions(command: Command): Command {
  return command
    .option(
      "--starts <list>",
      "where matching begins, the best result is kept: features, identity, random, or random:3 (default: features,identity)",
      readStarts,
    )
    .option("--seed <n>", "fixes random starts and the order of axes", seedNumber, 0);
}

function readStarts(text: string): NonNullable<MatchOptions["starts"]> {
  return text.split(",").flatMap((word) => {
    const [, name, times = "1"] =
      /^(features|identity|random)(?::([1-9]\d?))?$/.exec(word.trim()) ?? [];
    if (name === undefined)
      throw new InvalidArgumentError("Expected features, identity, random or random:<times>.");
    return Array.from({ length: Number(times) }, () => name as "features" | "identity" | "random");
  });
}

/**
 * Options for `matches` matchings that show their passes. Nobody knows how many passes a descent takes, so the bar counts
 * what is over, descents of every matching, and the pass it is in is said beside it.
 */
export function matchOptions(
  { signal, progress }: Cli,
  { starts, seed }: MatchFlags,
  label: string,
  matches = 1,
): { readonly options: MatchOptions; readonly finish: () => void } {
  const descents = matches * (starts?.length ?? 2);
  const task = progress.task(label, descents, { unit: "starts" });
  let [begun, passes] = [0, 0];
  return {
    options: {
      seed,
      signal,
      ...(starts && { starts }),
      onSweep: ({ start, starts: count, sweep }) => {
        passes++;
        if (sweep === 1) begun++;
        task.update(Math.min(begun, descents) - 1, `start ${start + 1} of ${count}, pass ${sweep}`);
      },
    },
    finish: () => task.finish(`${passes} passes over all axes`),
  };
}
