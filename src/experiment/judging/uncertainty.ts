// How sure a mean over trainings is that was measured on some test runs: both would be others another time. Their variances add up;
// the degrees of freedom of the sum are Satterthwaite's (1946).

import { meanAndStd } from "../../train/measures/metrics.ts";
import { studentQuantile, studentTails } from "../../train/measures/student-t.ts";

/** A mean with its 95 % interval and the two-sided p value of its being 0. */
export interface Estimate {
  readonly mean: number;
  readonly interval: readonly [number, number];
  readonly p: number;
}

/** What a mean is known from. */
export interface Measurements {
  /** One a training, on all test runs. */
  readonly trainings: readonly number[];
  /** The mean over trainings on test runs that were drawn again, once a resample. */
  readonly resamples: ArrayLike<number>;
  /** How many test runs there are. */
  readonly testRuns: number;
}

const variance = (values: readonly number[]): number => {
  const { std } = meanAndStd(values);
  return Number.isFinite(std) ? std * std : 0;
};

/** Of one training, the interval counts test runs alone. NaN where the mean is. */
export function estimate({ trainings, resamples, testRuns }: Measurements): Estimate {
  const { mean } = meanAndStd(trainings);
  if (!Number.isFinite(mean)) return { mean, interval: [Number.NaN, Number.NaN], p: Number.NaN };
  const ofRuns = variance(Array.from(resamples).filter(Number.isFinite));
  const ofTrainings = variance(trainings) / trainings.length;
  const total = ofRuns + ofTrainings;
  if (total === 0) return { mean, interval: [mean, mean], p: mean === 0 ? 1 : 0 };
  const share = (part: number, count: number) => part ** 2 / Math.max(1, count - 1);
  const degrees = total ** 2 / (share(ofRuns, testRuns) + share(ofTrainings, trainings.length));
  const reach = studentQuantile(0.05, degrees) * Math.sqrt(total);
  return {
    mean,
    interval: [mean - reach, mean + reach],
    p: studentTails(mean / Math.sqrt(total), degrees),
  };
}

/** The 95 % interval of a tau, which lies from -1 to 1; of a difference of two, from -2 to 2. */
export function tauInterval(measured: Measurements, most = 1): readonly [number, number] {
  const [low, high] = estimate(measured).interval;
  return [Math.max(-most, low), Math.min(most, high)]; // NaN stays NaN
}

/** p values corrected for how many there are (Holm 1979), in their order; those that are NaN stay and do not count. */
export function holm(values: readonly number[]): number[] {
  const order = values
    .map((p, at) => ({ p, at }))
    .filter(({ p }) => Number.isFinite(p))
    .sort((a, b) => a.p - b.p);
  const adjusted = values.map(() => Number.NaN);
  let highest = 0;
  for (const [rank, { p, at }] of order.entries()) {
    highest = Math.max(highest, Math.min(1, (order.length - rank) * p));
    adjusted[at] = highest;
  }
  return adjusted;
}
