// The same search for every functional: a fixed list of learning rates and widths, tried with one seed and chosen by the
// validation networks alone.

import { OptionError } from "../core/errors.ts";
import { type ModelOptions, modelEntry } from "../models/registry.ts";
import type { TuningRow } from "../report/experiment.ts";
import type { Budget } from "./budget.ts";
import type { FinishedJob } from "./job.ts";
import type { ExperimentEntry } from "./settings.ts";

/** A learning rate and a width, as multiples of the budget's rate and the functional's usual sizes. */
export interface Configuration {
  readonly rate: number;
  readonly width: number;
}

const widthsAndRates: readonly Configuration[] = [1, 0.5, 2].flatMap((width) =>
  [1, 1 / 3, 3].map((rate) => ({ rate, width })),
);
const onlyRates: readonly Configuration[] = [0, -1, 1, -2, 2, -3, 3, -4, 4].map((power) => ({
  rate: 3 ** power,
  width: 1,
}));

export const maxConfigurations = widthsAndRates.length;

/** The first so many configurations; functionals without a width try as many learning rates. */
export function tuningConfigurations(model: string, count: number): readonly Configuration[] {
  if (!Number.isSafeInteger(count) || count < 1 || count > maxConfigurations) {
    throw new OptionError(
      `experiment: configurations to try expected a whole number from 1 to ${maxConfigurations}, got ${count}`,
    );
  }
  const list = modelEntry(model).width === undefined ? onlyRates : widthsAndRates;
  return list.slice(0, count);
}

/** The options with every size between input and output scaled, to a multiple of 4 where it is at least 4. */
function scaleWidth(model: string, options: ModelOptions, factor: number): ModelOptions {
  const width = modelEntry(model).width;
  if (width === undefined || factor === 1) return options;
  const sizes = (options[width.option] as readonly number[] | undefined) ?? width.sizes;
  const scaled = sizes.map((size, i) => {
    const isEnd = width.option === "channels" ? i === 0 : i === sizes.length - 1;
    if (isEnd) return size;
    const wanted = size * factor;
    return wanted < 4 ? Math.max(1, Math.round(wanted)) : 4 * Math.round(wanted / 4);
  });
  return { ...options, [width.option]: scaled };
}

/** A functional and its budget under a configuration. */
export function configure(
  { name, model = name, options }: ExperimentEntry,
  budget: Budget,
  { rate, width }: Configuration,
): { readonly options: ModelOptions; readonly budget: Budget } {
  const rounded = Number((budget.rate * rate).toPrecision(6));
  return { options: scaleWidth(model, options, width), budget: { ...budget, rate: rounded } };
}

/** Whether a trial beats another: higher validation tau, then lower loss; a trial without a tau beats none. */
function isBetter(a: TuningRow, b: TuningRow): boolean {
  const tau = (row: TuningRow) => (Number.isFinite(row.validTau) ? row.validTau : -Infinity);
  if (tau(a) !== tau(b)) return tau(a) > tau(b);
  return a.validLoss < b.validLoss || (Number.isNaN(b.validLoss) && !Number.isNaN(a.validLoss));
}

/** The rows of one functional's trials, the chosen one marked; trials in the order of its configurations. */
export function judgeTrials(
  trials: readonly {
    readonly job: FinishedJob;
    readonly options: ModelOptions;
    readonly budget: Budget;
  }[],
): TuningRow[] {
  const rows = trials.map(({ job, options, budget }): TuningRow => {
    const best = job.history[job.bestEpoch - 1];
    return {
      model: job.model,
      rate: budget.rate,
      options,
      parameters: job.parameters,
      validTau: best?.validMetric ?? Number.NaN,
      validLoss: best?.validLoss ?? Number.NaN,
      bestEpoch: job.bestEpoch,
      seconds: job.seconds,
      chosen: false,
      ...(job.diverged !== undefined && { diverged: job.diverged }),
    };
  });
  const chosen = rows.reduce((best, row) => (isBetter(row, best) ? row : best));
  return rows.map((row) => (row === chosen ? { ...row, chosen: true } : row));
}
