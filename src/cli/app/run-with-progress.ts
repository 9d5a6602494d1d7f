// Running an experiment with a bar.

import {
  type NodeExperimentOptions,
  type ExperimentOutcome,
  runExperiment,
} from "../../node/run-experiment.ts";
import type { Cli } from "./context.ts";

/** What the bar counts: so many units a run. */
export interface RunUnits {
  readonly unit: string;
  readonly unitsPerRun: number;
}

/** The outcome; undefined when it was interrupted. */
export async function runWithProgress(
  { signal, progress, output }: Cli,
  options: Omit<NodeExperimentOptions, "signal">,
  { unit, unitsPerRun }: RunUnits = { unit: "%", unitsPerRun: 100 },
): Promise<ExperimentOutcome | undefined> {
  let task: ReturnType<typeof progress.task> | undefined;
  let total = 0;
  for await (const event of runExperiment({ ...options, signal })) {
    if (event.type === "warning") output.note(`warning: ${event.message}`);
    else if (event.type === "start") {
      const { finished, runs } = event;
      if (finished > 0) output.note(`${finished} of ${runs} training runs are there already`);
      total = runs * unitsPerRun;
      if (finished < runs) {
        const start = finished * unitsPerRun;
        task = progress.task("training functionals", total, { unit, start });
      }
    } else if (event.type === "progress") task?.update(Math.floor(total * event.share), event.note);
    else if (event.type === "done") {
      task?.finish();
      return event.outcome;
    }
  }
  return undefined;
}
