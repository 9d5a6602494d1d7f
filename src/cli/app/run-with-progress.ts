// Running an experiment with a bar.

import {
  type ExperimentEvent,
  type ExperimentOutcome,
  type NodeExperimentOptions,
  runExperiment,
} from "../../node/run-experiment.ts";
import type { UnfinishedCount } from "../../report/experiment.ts";
import { partText } from "../machines/run-store.ts";
import type { Cli } from "./context.ts";

/** What the bar counts: so many units a run. */
export interface RunUnits {
  readonly unit: string;
  readonly unitsPerRun: number;
}

export interface RunOptions<Outcome = ExperimentOutcome> extends Omit<
  NodeExperimentOptions,
  "signal"
> {
  /** @default percents */
  readonly units?: RunUnits;
  /** Told whenever another functional has all its runs, but not of the last. */
  readonly onResults?: (outcome: Outcome, count: UnfinishedCount) => Promise<void>;
}

/** The outcome of an experiment on numbers; undefined when it was interrupted, or a part only. */
export const runWithProgress = (
  cli: Cli,
  options: RunOptions,
): Promise<ExperimentOutcome | undefined> => followRuns(cli, options, runExperiment);

/** The outcome of any experiment; undefined when it was interrupted, or a part only. */
export async function followRuns<Outcome>(
  { signal, progress, output }: Cli,
  { units, onResults, ...options }: RunOptions<Outcome>,
  run: (options: NodeExperimentOptions) => AsyncIterable<ExperimentEvent<Outcome>>,
): Promise<Outcome | undefined> {
  const { unit, unitsPerRun } = units ?? { unit: "%", unitsPerRun: 100 };
  let task: ReturnType<typeof progress.task> | undefined;
  let total = 0;
  for await (const event of run({ ...options, signal })) {
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
    } else if (event.type === "part") {
      const { finished, runs } = event;
      output.result({ finished, runs }, () => partText(finished, runs));
    } else if (event.type === "done") {
      task?.finish();
      return event.outcome;
    }
  }
  return undefined;
}
