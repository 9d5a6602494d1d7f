// Which trial of a search is the best: by the validation networks alone.

import type { ModelOptions } from "../../models/registry.ts";
import type { TuningRow } from "../../report/experiment.ts";
import type { Budget } from "../budget.ts";
import type { FinishedJob } from "../job.ts";

/** A finished trial, and what it tried. */
export interface FinishedTrial {
  readonly job: FinishedJob;
  readonly options: ModelOptions;
  /** As whole runs would have it; a trial may have fewer passes. */
  readonly budget: Budget;
  /** Passes that the trial had. @default those of the budget */
  readonly passes?: number;
}

/** Scores of a trial: NaN where it has none. */
export function scoresOf({ history, bestEpoch }: FinishedJob) {
  const best = history[bestEpoch - 1];
  return { validTau: best?.validMetric ?? Number.NaN, validLoss: best?.validLoss ?? Number.NaN };
}

type Scores = ReturnType<typeof scoresOf>;

/** Whether a trial beats another: higher validation tau, then lower loss; a trial without a tau beats none. */
export function isBetter(a: Scores, b: Scores): boolean {
  const tau = (row: Scores) => (Number.isFinite(row.validTau) ? row.validTau : -Infinity);
  if (tau(a) !== tau(b)) return tau(a) > tau(b);
  return a.validLoss < b.validLoss || (Number.isNaN(b.validLoss) && !Number.isNaN(a.validLoss));
}

/** The rows of one functional's trials, the best of those with the most passes marked; in the order of the trials. */
export function judgeTrials(trials: readonly FinishedTrial[]): TuningRow[] {
  const passesOf = ({ passes, budget }: FinishedTrial) => passes ?? budget.epochs;
  const most = Math.max(...trials.map(passesOf));
  const rows = trials.map((trial): TuningRow => {
    const { job, options, budget, passes } = trial;
    const { rate, weightDecay } = budget;
    return {
      model: job.model,
      rate,
      ...(weightDecay !== undefined && { weightDecay }),
      options,
      parameters: job.parameters,
      ...scoresOf(job),
      ...(passes !== undefined && { passes }),
      bestEpoch: job.bestEpoch,
      seconds: job.seconds,
      chosen: false,
      ...(job.diverged !== undefined && { diverged: job.diverged }),
    };
  });
  const last = rows.filter((_, i) => passesOf(trials[i]) === most);
  if (last.length === 0) return rows;
  const chosen = last.reduce((best, row) => (isBetter(row, best) ? row : best));
  return rows.map((row) => (row === chosen ? { ...row, chosen: true } : row));
}
