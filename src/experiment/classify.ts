// Experiments whose target is a class: which of so many kinds a network is of, read off its weights. Runs, files and resuming are
// those of every experiment; results are shares of right answers.

import { OptionError } from "../core/errors.ts";
import { modelEntry, type ModelOptions } from "../models/registry.ts";
import { classAccuracy, meanAndStd } from "../train/measures/metrics.ts";
import type { FinishedJob } from "./job.ts";
import { endedRuns } from "./plan-runs.ts";
import { type ExperimentEvent, type ExperimentOptions, runCollected } from "./run-experiment.ts";
import type { ExperimentEntry, ExperimentSettings } from "./settings.ts";

/** How well one functional tells classes, over its trainings. */
export interface ClassRow {
  readonly model: string;
  readonly parameters: number;
  readonly seeds: number;
  /** Share of test networks whose class is told rightly, in [0, 1]. */
  readonly accuracyMean: number;
  readonly accuracyStd: number;
  /** The same for test networks after the units of each were put in a random order. */
  readonly movedMean: number;
  readonly movedStd: number;
  /** The same where the element flips signs too, and shifts phases in specs with phases; absent where there is neither. */
  readonly signsMean?: number;
  readonly signsStd?: number;
  /** Share of test networks of which the same is said before and after. */
  readonly agreementMean: number;
  /** Of one training. */
  readonly secondsMean: number;
}

/** What an experiment on classes came to. */
export interface ClassOutcome {
  /** Best first. */
  readonly rows: readonly ClassRow[];
  readonly sizes: { readonly train: number; readonly validation: number; readonly test: number };
}

/**
 * Settings with functionals that have an output a class: the last size of a head, or the outputs of a linear model.
 * @throws {OptionError} when a head is given that ends in another number
 */
export const withClassOutputs = (
  settings: ExperimentSettings,
  classes: number,
): ExperimentSettings => ({
  ...settings,
  models: settings.models.map((entry) => ({ ...entry, options: classOptions(entry, classes) })),
});

function classOptions(
  { name, model = name, options }: ExperimentEntry,
  classes: number,
): ModelOptions {
  if (Object.hasOwn(modelEntry(model).options.shape, "outputs"))
    return { ...options, outputs: classes };
  const { head } = options as { readonly head?: readonly number[] };
  if (head === undefined) return { ...options, head: [128, classes] };
  if (head.at(-1) === classes) return options;
  throw new OptionError(
    `experiment: the head of "${name}" ends in ${head.at(-1)}, expected ${classes}, an output for every class`,
  );
}

/** Moves of test networks beside their order, by what their spec has. */
const flips = ["signs", "phases"];

/** The row of one functional; `actual` is one-hot, [networks, classes], as predictions are. */
function summarize(jobs: readonly FinishedJob[], actual: Float32Array, classes: number): ClassRow {
  const accuracy = classAccuracy(classes);
  const over = (measure: (job: FinishedJob) => number) => meanAndStd(jobs.map(measure));
  const right = over(({ predicted }) => accuracy(predicted, actual));
  const moved = over((job) => accuracy(job.moved, actual));
  const flip = flips.find((move) => jobs.every(({ moves }) => moves?.[move] !== undefined));
  const signs =
    flip === undefined ? undefined : over((job) => accuracy(job.moves?.[flip] ?? [], actual));
  return {
    model: jobs[0].model,
    parameters: jobs[0].parameters,
    seeds: jobs.length,
    accuracyMean: right.mean,
    accuracyStd: right.std,
    movedMean: moved.mean,
    movedStd: moved.std,
    ...(signs && { signsMean: signs.mean, signsStd: signs.std }),
    agreementMean: over((job) => accuracy(job.moved, job.predicted)).mean,
    secondsMean: over(({ seconds }) => seconds).mean,
  };
}

/**
 * Trains functionals to tell the classes of networks; ends without results when the signal aborts.
 * @throws {OptionError} when the target is no class, or as every experiment; {EnvironmentError} as every experiment
 */
export async function* runClassification(
  options: ExperimentOptions,
): AsyncGenerator<ExperimentEvent<ClassOutcome>, void, undefined> {
  const { target } = options.dataset;
  const classes = target?.classes;
  if (classes === undefined)
    throw new OptionError(
      `experiment: "${target?.name ?? "the target"}" is a number, expected a class; choose a metric with classes (--target)`,
    );
  const settings = withClassOutputs(options.settings, classes);
  yield* runCollected({ ...options, settings }, (_, { train, validation, test }, entries) => ({
    rows: entries
      .map((entry) => summarize(endedRuns(entry), test.targets, classes))
      .toSorted((a, b) => b.accuracyMean - a.accuracyMean),
    sizes: { train: train.size, validation: validation.size, test: test.size },
  }));
}
