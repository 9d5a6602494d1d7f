// What decides a run of meta-training; the same settings and the same seed give the same theta.

import { OptionError } from "../../core/errors.ts";
import type { Arithmetic } from "../../kernels/wasm/fused-multiply-add.ts";
import type { EstimatorName } from "./estimator.ts";

/** What a learned optimizer is to make small: the mean of all losses of an episode, or the last one. */
export type EpisodeLoss = "mean" | "last";

/** What meta-training does, and for how long. */
export interface MetaSettings {
  /** A kind of learned optimizer. */
  readonly kind: string;
  /** An inner task. */
  readonly task: string;
  /** Steps of theta. */
  readonly outerSteps: number;
  /** Tasks side by side, each with its antithetic twin. */
  readonly pairs: number;
  readonly estimator: EstimatorName;
  readonly objective: EpisodeLoss;
  /** Inner steps between two steps of theta. */
  readonly truncation: number;
  /** Inner steps of an episode, drawn log-uniformly, whole truncations; two equal numbers give one length. */
  readonly horizon: readonly [shortest: number, longest: number];
  /** Standard deviation of the noise on theta. */
  readonly noise: number;
  /** Highest rate of the outer AdamW, reached after the warm-up; a cosine takes it to a tenth. */
  readonly rate: number;
  readonly warmup: number;
  readonly weightDecay: number;
  /** Longest gradient, as one vector. */
  readonly clip: number;
  /** Networks are trained in other units: weights are s times their parameters, s log-uniform in this range; [1, 1] leaves them alone. */
  readonly rescale: readonly [smallest: number, largest: number];
  readonly seed: number;
  /**
   * Inner steps run on kernels, whose products round like this; networks have other last digits on the array engine, where they run
   * without it.
   */
  readonly kernels?: Arithmetic;
}

/** Settings that are not given; `kind` and `task` have none. */
export const defaultSettings: Omit<MetaSettings, "kind" | "task"> = {
  outerSteps: 2000,
  pairs: 8,
  estimator: "pes",
  objective: "mean",
  truncation: 50,
  horizon: [2000, 2000],
  noise: 0.01,
  rate: 1e-3,
  warmup: 50,
  weightDecay: 0,
  clip: 1,
  rescale: [1, 1],
  seed: 0,
};

function checkWhole(name: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min)
    throw new OptionError(
      `metaTrain: ${name} expected a whole number from ${min}, got ${value}; see docs/guide/learned-optimizers.md`,
    );
}

function checkPositive(name: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value)))
    throw new OptionError(`metaTrain: ${name} expected a number above 0, got ${value}`);
}

/** @throws {OptionError} naming the first value that is out of its range */
export function checkSettings(settings: MetaSettings): void {
  const { outerSteps, pairs, truncation, horizon, noise, rate, warmup, rescale } = settings;
  checkWhole("outerSteps", outerSteps, 1);
  checkWhole("pairs", pairs, 1);
  checkWhole("truncation", truncation, 1);
  checkWhole("warmup", warmup, 0);
  checkWhole("horizon[0]", horizon[0], truncation);
  checkWhole("horizon[1]", horizon[1], horizon[0]);
  checkPositive("noise", noise);
  checkPositive("rate", rate);
  checkPositive("clip", settings.clip);
  checkPositive("rescale[0]", rescale[0]);
  if (!(rescale[1] >= rescale[0]))
    throw new OptionError(
      `metaTrain: rescale expected [smallest, largest], got [${rescale.join(", ")}]`,
    );
  if (!(settings.weightDecay >= 0))
    throw new OptionError(
      `metaTrain: weightDecay expected at least 0, got ${settings.weightDecay}`,
    );
}
