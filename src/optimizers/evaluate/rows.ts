// From curves to a table: how many steps each optimizer needs until the best test loss of tuned Adam, and where it ends.

import { meanAndStd } from "../../train/measures/metrics.ts";
import type { EvaluationUnit } from "./evaluate.ts";

/** One optimizer on one task. `...Std` are standard deviations over seeds; null where a number is not defined. */
export interface OptimizerRow {
  readonly task: string;
  readonly optimizer: string;
  readonly seeds: number;
  /** Steps until a run's test loss is at most the best mean test loss of Adam; null unless every seed gets there. */
  readonly stepsToAdamMean: number | null;
  readonly stepsToAdamStd: number | null;
  /** How many seeds get there. */
  readonly reached: number;
  /** Adam's steps to that loss over ours, both on mean curves; above 1 is faster. Null when never reached. */
  readonly speedup: number | null;
  /** The same in seconds. */
  readonly speedupInSeconds: number | null;
  /** Test loss after the last step. */
  readonly finalLossMean: number | null;
  readonly finalLossStd: number | null;
  /** Lowest test loss of a run. */
  readonly bestLossMean: number | null;
  readonly bestLossStd: number | null;
  /** Training loss over the last steps. */
  readonly finalTrainLossMean: number | null;
  readonly finalTrainLossStd: number | null;
  /** Of one network, trained beside the others. */
  readonly secondsPerStep: number;
  /** The rate that was chosen, of learned optimizers the factor of their steps; null where nothing is tuned. */
  readonly rate: number | null;
}

const orNull = (value: number): number | null => (Number.isFinite(value) ? value : null);
const last = <T>(values: readonly T[]): T => values[values.length - 1];

/** Mean over networks at every point. */
const meanCurve = (curves: readonly (readonly number[])[]): number[] =>
  curves[0].map((_, at) => meanAndStd(curves.map((curve) => curve[at])).mean);

/** The first step at which a curve is at most a loss; undefined when it never is. */
const firstAt = (
  steps: readonly number[],
  curve: readonly number[],
  loss: number,
): number | undefined => {
  const at = curve.findIndex((value) => value <= loss);
  return at < 0 ? undefined : steps[at];
};

/** A row for every unit; one of them must be "adam". */
export function optimizerRows(task: string, units: readonly EvaluationUnit[]): OptimizerRow[] {
  const adam = units.find(({ optimizer }) => optimizer === "adam");
  if (adam === undefined) throw new Error("optimizerRows: no unit of adam");
  const adamCurve = meanCurve(adam.curves.test);
  const target = Math.min(...adamCurve);
  const adamSteps = firstAt(adam.curves.steps, adamCurve, target) ?? Number.NaN;
  return units.map(({ optimizer, rate, curves }): OptimizerRow => {
    const { steps, test, train, secondsPerStep } = curves;
    const reached = test.flatMap((curve) => firstAt(steps, curve, target) ?? []);
    const all = meanAndStd(reached.length === test.length ? reached : []);
    const stepsToTarget = firstAt(steps, meanCurve(test), target);
    const speedup = stepsToTarget === undefined ? null : adamSteps / stepsToTarget;
    const end = meanAndStd(test.map(last));
    const best = meanAndStd(test.map((curve) => Math.min(...curve)));
    const trained = meanAndStd(train.map(last));
    return {
      task,
      optimizer,
      seeds: test.length,
      stepsToAdamMean: orNull(all.mean),
      stepsToAdamStd: orNull(all.std),
      reached: reached.length,
      speedup,
      speedupInSeconds:
        speedup === null ? null : (speedup * adam.curves.secondsPerStep) / secondsPerStep,
      finalLossMean: orNull(end.mean),
      finalLossStd: orNull(end.std),
      bestLossMean: orNull(best.mean),
      bestLossStd: orNull(best.std),
      finalTrainLossMean: orNull(trained.mean),
      finalTrainLossStd: orNull(trained.std),
      secondsPerStep,
      rate,
    };
  });
}

/** Mean and standard deviation over seeds at every point; null where a loss is not finite. */
export interface OptimizerCurve {
  readonly optimizer: string;
  readonly steps: readonly number[];
  readonly testMean: readonly (number | null)[];
  readonly testStd: readonly (number | null)[];
  readonly trainMean: readonly (number | null)[];
  readonly trainStd: readonly (number | null)[];
}

/** Curves as results keep them. */
export function optimizerCurves(units: readonly EvaluationUnit[]): OptimizerCurve[] {
  const over = (curves: readonly (readonly number[])[]) => {
    const points = curves[0].map((_, at) => meanAndStd(curves.map((curve) => curve[at])));
    return [points.map(({ mean }) => orNull(mean)), points.map(({ std }) => orNull(std))] as const;
  };
  return units.map(({ optimizer, curves: { steps, test, train } }) => {
    const [[testMean, testStd], [trainMean, trainStd]] = [over(test), over(train)];
    return { optimizer, steps, testMean, testStd, trainMean, trainStd };
  });
}

/** What an evaluation finds, as reports show it. */
export interface OptimizerResult {
  readonly title: string;
  readonly task: string;
  /** The task in words. */
  readonly summary: string;
  readonly steps: number;
  readonly every: number;
  readonly seed: number;
  readonly seeds: number;
  /** Rates that every hand-made optimizer could choose from. */
  readonly triedRates: number;
  readonly command: string;
  readonly commit: string;
  readonly machine: string;
  readonly rows: readonly OptimizerRow[];
  readonly curves: readonly OptimizerCurve[];
  readonly tried: Readonly<Record<string, EvaluationUnit["tried"]>>;
}
