// Running an experiment with a bar.

import {
  type NodeExperimentOptions,
  type ExperimentOutcome,
  runExperiment,
} from "../../node/run-experiment.ts";
import type { UnfinishedCount } from "../../report/experiment.ts";
import type { Cli } from "./context.ts";

/** What the bar counts: so many units a run. */
export interface RunUnits {
  readonly unit: string;
  readonly unitsPerRun: number;
}

export interface RunOptions extends Omit<NodeExperimentOptions, "signal"> {
  /** @default percents */
  readonly units?: RunUnits;
  /** Told whenever another functional has all its runs, but not of the last. */
  readonly onResults?: (outcome: ExperimentOutcome, count: UnfinishedCount) => Promise<void>;
}

/** The outcome; undefined when it was interrupted. */
export async function runWithProgress(
  { signal, progress, output }: Cli,
  { units, onResults, ...options }: RunOptions,
): Promise<ExperimentOutcome | undefined> {
  const { unit, unitsPerRun } = units ?? { unit: "%", unitsPerRun: 100 };
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
    else if (event.type === "results") {
      const { finished, models } = event;
      await onResults?.(event.outcome, { finished, models });
    } else if (event.type === "done") {
      task?.finish();
      return event.outcome;
    }
  }
  return undefined;
}
