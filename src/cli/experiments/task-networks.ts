// Which networks a population holds, told to functionals that run them: its task says so.

import type { ExperimentEntry } from "../../experiment/settings.ts";
import { withNetworks } from "../../models/registry.ts";
import { isTask, taskEntry } from "../../tasks/registry.ts";
import type { OpenedPopulation } from "./open-population.ts";

/** What functionals call the networks of a population; undefined where its task is not known or says nothing. */
export const networksIn = ({ task }: Pick<OpenedPopulation, "task">): string | undefined =>
  task !== undefined && isTask(task) ? taskEntry(task).networks : undefined;

/** The functionals, those that run networks told which networks the population holds. */
export function entriesFor(
  entries: readonly ExperimentEntry[],
  population: Pick<OpenedPopulation, "task">,
): ExperimentEntry[] {
  const networks = networksIn(population);
  return entries.map((entry) => ({
    ...entry,
    options: withNetworks(entry.model ?? entry.name, entry.options, networks),
  }));
}
