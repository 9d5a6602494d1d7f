// From finished training runs to the table, scatter plots and curves of a report.

import { modelEntry, modelNames } from "../models/registry.ts";
import { kendallTau } from "../train/measures/kendall-tau.ts";
import { meanAndStd, rSquared } from "../train/measures/metrics.ts";
import type {
  PairedComparison,
  ExperimentResult,
  ExperimentRow,
  LearningCurve,
} from "../report/experiment.ts";
import {
  bootstrapTaus,
  compareModels,
  testRunsOf,
  type TestTargets,
} from "./judging/compare-models.ts";
import type { FinishedJob } from "./job.ts";
import { stageTau } from "./judging/stage-tau.ts";
import { tauInterval } from "./judging/uncertainty.ts";

/** What a functional was trained with: its name in tables and in the registry, its options and learning rate. */
export interface TrainedAs {
  readonly name: string;
  readonly model: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly rate: number;
}

/** One model's row. */
export function summarize(jobs: readonly FinishedJob[], test: TestTargets): ExperimentRow {
  const { actual, stages } = test;
  const over = (measure: (job: FinishedJob) => number) => meanAndStd(jobs.map(measure));
  const taus = jobs.map(({ predicted }) => kendallTau(predicted, actual));
  const tau = meanAndStd(taus);
  const stage = over(({ predicted }) => stageTau(predicted, actual, stages));
  const tauMoved = over(({ moved }) => kendallTau(moved, actual));
  const r2 = over(({ predicted }) => rSquared(predicted, actual));
  const agreement = over(({ predicted, moved }) => kendallTau(predicted, moved));
  const changes = jobs.flatMap(({ predicted, moved }) =>
    predicted.map((value, i) => Math.abs(value - moved[i])),
  );
  const moves = Object.keys(jobs[0].moves ?? {}).map((move) => {
    const { mean, std: tauStd } = over((job) => kendallTau(job.moves?.[move] ?? [], actual));
    return { move, tauMean: mean, tauStd };
  });
  return {
    model: jobs[0].model,
    parameters: jobs[0].parameters,
    seconds: over(({ seconds }) => seconds).mean,
    tauMean: tau.mean,
    tauStd: tau.std,
    taus,
    ...(Number.isFinite(stage.mean) && { stageTauMean: stage.mean, stageTauStd: stage.std }),
    tauMovedMean: tauMoved.mean,
    tauMovedStd: tauMoved.std,
    maxPredictionChange: changes.reduce((largest, change) => Math.max(largest, change), 0),
    agreement: agreement.mean,
    ...(moves.length > 0 && { moves }),
    r2Mean: r2.mean,
    r2Std: r2.std,
    seeds: jobs.length,
  };
}

/** The row of a model all of whose trainings diverged. */
function withoutTau(jobs: readonly FinishedJob[], moves: readonly string[]): ExperimentRow {
  const [nothing, { model, parameters }] = [Number.NaN, jobs[0]];
  return {
    model,
    parameters,
    seconds: meanAndStd(jobs.map(({ seconds }) => seconds)).mean,
    tauMean: nothing,
    tauStd: nothing,
    taus: [],
    tauMovedMean: nothing,
    tauMovedStd: nothing,
    maxPredictionChange: nothing,
    agreement: nothing,
    ...(moves.length > 0 && {
      moves: moves.map((move) => ({ move, tauMean: nothing, tauStd: nothing })),
    }),
    r2Mean: nothing,
    r2Std: nothing,
    seeds: 0,
  };
}

/** Every place where jobs ended; nothing where one does not say it. */
function machineOf(jobs: readonly FinishedJob[]): Pick<ExperimentRow, "machine"> {
  const known = jobs.flatMap(({ machine }) => machine ?? []);
  return known.length < jobs.length ? {} : { machine: [...new Set(known)].join("; ") };
}

const curveOf = ({ model, seed, history }: FinishedJob): LearningCurve => ({
  model,
  seed,
  epochs: history.map(({ epoch, trainLoss, validMetric }) => ({
    epoch,
    trainLoss,
    validTau: validMetric ?? Number.NaN,
  })),
});

/**
 * Rows best first, those without a tau after them, controls last; the scatter shows each model's first seed. `models`
 * says what each was trained with; `seed` fixes the resampling behind intervals.
 */
export function collectResults(
  jobs: readonly FinishedJob[],
  test: TestTargets,
  { models = [], seed = 0 }: { models?: readonly TrainedAs[]; seed?: number } = {},
): Pick<ExperimentResult, "rows" | "scatter" | "curves"> & {
  comparisons: readonly PairedComparison[];
} {
  const { actual } = test;
  const names = [...new Set(jobs.map(({ model }) => model))];
  const ended = jobs.filter(({ diverged }) => diverged === undefined);
  const samples = bootstrapTaus(ended, test, seed);
  const trainedAs = (name: string) => models.find((known) => known.name === name);
  const moves = Object.keys(ended[0]?.moves ?? {});
  const rows = names.map((name): ExperimentRow => {
    const known = trainedAs(name);
    const all = jobs.filter(({ model }) => model === name);
    const own = ended.filter(({ model }) => model === name);
    const unread = Math.max(0, ...own.map((job) => job.unread ?? 0));
    const about = {
      ...(own.length < all.length && { diverged: all.length - own.length }),
      ...(unread > 0 && { unread }),
      ...machineOf(all),
      ...(known && { rate: known.rate, options: known.options }),
    };
    if (own.length === 0) return { ...withoutTau(all, moves), ...about };
    const row = summarize(own, test);
    const resamples = samples.byModel.get(name) ?? [];
    const measured = { trainings: row.taus ?? [], resamples, testRuns: testRunsOf(test) };
    return { ...row, tauInterval: tauInterval(measured), ...about };
  });
  const isControl = ({ model }: ExperimentRow) => {
    const registered = trainedAs(model)?.model ?? model;
    return modelNames().includes(registered) && !modelEntry(registered).invariant ? 1 : 0;
  };
  const rank = ({ tauMean }: ExperimentRow) => (Number.isNaN(tauMean) ? -Infinity : tauMean);
  const better = (a: number, b: number) => (a === b ? 0 : b - a); // infinities do not cancel out
  const byTau = rows.toSorted((a, b) => better(rank(a), rank(b)));
  const sorted = byTau.toSorted((a, b) => isControl(a) - isControl(b));
  const firstOf = ({ model }: ExperimentRow) => ended.find((job) => job.model === model);
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
  const curves = jobs.filter(({ history }) => history.length > 0).map(curveOf);
  // Seed by seed, so that of a model that has lost seeds nothing is said beside others.
  const whole = byTau.filter(({ diverged = 0 }) => diverged === 0);
  const ranking = whole.map(({ model }) => model);
  const comparisons = compareModels(ranking, ended, test, samples);
  return { rows: sorted, scatter, curves, comparisons };
}
