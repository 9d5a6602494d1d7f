// From finished training runs to the table, scatter plots and curves of a report.

import { modelRegistry } from "../models/registry.ts";
import { kendallTau } from "../train/kendall-tau.ts";
import { meanAndSpread, rSquared } from "../train/metrics.ts";
import type { ExperimentResult, ExperimentRow } from "../report/experiment.ts";
import type { JobResult } from "./job.ts";

export interface FinishedJob extends JobResult {
  /** Training and prediction time, interrupted parts included. */
  readonly seconds: number;
}

/** One model's row; `actual` are the targets of the test networks. */
export function summarize(jobs: readonly FinishedJob[], actual: readonly number[]): ExperimentRow {
  const spread = (measure: (job: FinishedJob) => number) => meanAndSpread(jobs.map(measure));
  const tau = spread(({ predicted }) => kendallTau(predicted, actual));
  const tauMoved = spread(({ moved }) => kendallTau(moved, actual));
  const r2 = spread(({ predicted }) => rSquared(predicted, actual));
  const agreement = spread(({ predicted, moved }) => kendallTau(predicted, moved));
  const changes = jobs.flatMap(({ predicted, moved }) =>
    predicted.map((value, i) => Math.abs(value - moved[i])),
  );
  return {
    model: jobs[0].model,
    parameters: jobs[0].parameters,
    seconds: spread(({ seconds }) => seconds).mean,
    tauMean: tau.mean,
    tauSpread: tau.spread,
    tauMovedMean: tauMoved.mean,
    tauMovedSpread: tauMoved.spread,
    maxPredictionChange: changes.reduce((most, change) => Math.max(most, change), 0),
    agreement: agreement.mean,
    r2Mean: r2.mean,
    r2Spread: r2.spread,
    seeds: jobs.length,
  };
}

/** Rows best first, those without a tau after them, controls last; the scatter shows each model's first seed. */
export function collectResults(
  jobs: readonly FinishedJob[],
  actual: readonly number[],
): Pick<ExperimentResult, "rows" | "scatter" | "curves"> {
  const names = [...new Set(jobs.map(({ model }) => model))];
  const rows = names.map((name) =>
    summarize(
      jobs.filter(({ model }) => model === name),
      actual,
    ),
  );
  const isControl = ({ model }: ExperimentRow) =>
    Object.hasOwn(modelRegistry, model) && !modelRegistry[model].invariant ? 1 : 0;
  const rank = ({ tauMean }: ExperimentRow) => (Number.isNaN(tauMean) ? -Infinity : tauMean);
  const better = (a: number, b: number) => (a === b ? 0 : b - a); // infinities do not cancel out
  const sorted = rows.toSorted((a, b) => isControl(a) - isControl(b) || better(rank(a), rank(b)));
  const firstOf = ({ model }: ExperimentRow) => jobs.find((job) => job.model === model);
  const scatter = sorted.flatMap((row) => {
    const first = firstOf(row);
    return first === undefined
      ? []
      : first.predicted.map((predicted, i) => ({
          model: row.model,
          predicted,
          actual: actual[i],
          moved: first.moved[i],
        }));
  });
  const curves = jobs.map(({ model, seed, history }) => ({
    model,
    seed,
    epochs: history.map(({ epoch, trainLoss, validMetric }) => ({
      epoch,
      trainLoss,
      validTau: validMetric ?? Number.NaN,
    })),
  }));
  return { rows: sorted, scatter, curves };
}
