// `--threshold` of experiments: only networks that reach a target take part, as published comparisons leave out those that did not
// learn.

import { Option } from "commander";
import { OptionError } from "../../core/errors.ts";
import { positiveNumber } from "../app/arguments.ts";
import type { Output } from "../app/output.ts";
import type { OpenedPopulation } from "./open-population.ts";

/** The option itself. */
export const thresholdOption = (): Option =>
  new Option(
    "--threshold <value>",
    "only networks whose target is at least this, such as 0.4 of accuracy; default all",
  ).argParser(positiveNumber);

/** The networks whose target reaches the threshold; says how many those are. @throws {OptionError} where none does */
export async function aboveThreshold(
  opened: OpenedPopulation,
  threshold: number | undefined,
  output: Pick<Output, "note">,
): Promise<OpenedPopulation> {
  if (threshold === undefined) return opened;
  const { subset } = await import("../../train/dataset.ts");
  const { dataset, names } = opened;
  const kept = names.flatMap((_, i) => (dataset.targets[i] >= threshold ? [i] : []));
  if (kept.length === 0)
    throw new OptionError(
      `experiment: no network has a target of at least ${threshold}; the largest is ${dataset.targets.reduce((a, b) => Math.max(a, b))}`,
    );
  output.note(
    `${kept.length} of ${dataset.size} networks have a target of at least ${threshold}; the others take no part`,
  );
  return { ...opened, names: kept.map((i) => names[i]), dataset: subset(dataset, kept) };
}
