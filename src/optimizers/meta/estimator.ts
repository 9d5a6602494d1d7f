// Estimates of the gradient of an episode's loss from short unrolls with noise on theta: persistent evolution strategies (PES, Vicol, Metz
// and Sohl-Dickstein 2021), noise reuse (NRES, Li et al. 2023) and truncated evolution strategies (ES), which leaves out what earlier
// steps of an episode owe to theta and is biased. Episodes begin and end at the ends of truncations.

import { OptionError } from "../../core/errors.ts";
import { deriveSeed, randomStream } from "../../core/random.ts";

/** Which estimate. */
export type EstimatorName = "pes" | "nres" | "es";

/** Names of all estimates. */
export const estimatorNames: readonly EstimatorName[] = ["pes", "nres", "es"];

/** Where the episode of a pair stands at the beginning of a truncation. */
export interface EpisodeTime {
  /** The pair. */
  readonly pair: number;
  /** How many episodes it has had before. */
  readonly episode: number;
  /** The outer step. */
  readonly step: number;
  /** The outer step at which the episode began. */
  readonly began: number;
}

/** What noise on theta depends on, beside its place. */
export interface NoiseOptions {
  readonly estimator: EstimatorName;
  readonly seed: number;
  /** Standard deviation. */
  readonly noise: number;
}

/** Noise on theta in a truncation; the twin has the same with the other sign. Fixed by its arguments. */
export function noiseAt(
  { estimator, seed, noise }: NoiseOptions,
  { pair, episode, step }: EpisodeTime,
  size: number,
): Float32Array {
  const noiseSeed =
    estimator === "nres"
      ? deriveSeed(seed, "noise", pair, "episode", episode)
      : deriveSeed(seed, "noise", pair, "step", step);
  const random = randomStream(noiseSeed);
  const values = new Float32Array(size);
  for (let i = 0; i < size; i++) values[i] = noise * random.normal();
  return values;
}

/** @throws {OptionError} for a name that is none of `estimatorNames` */
export function checkEstimator(name: string): asserts name is EstimatorName {
  if (!(estimatorNames as readonly string[]).includes(name))
    throw new OptionError(
      `metaTrain: estimator expected one of ${estimatorNames.join(", ")}, got ${JSON.stringify(name)}`,
    );
}

/**
 * What the difference of a truncation's losses is multiplied by: all the noise that the episode has had (PES), the noise it keeps (NRES), or
 * that of this truncation (ES). Remembers the sums of the episodes under way; after a pause they are drawn again.
 */
export function noiseSums(
  options: NoiseOptions,
  size: number,
): (time: EpisodeTime, noise: Float32Array) => Float64Array {
  const sums = new Map<number, { episode: number; step: number; sum: Float64Array }>();
  return (time, noise) => {
    if (options.estimator !== "pes") return Float64Array.from(noise);
    const { pair, episode, step, began } = time;
    const known = sums.get(pair);
    const goesOn = known?.episode === episode && known.step === step - 1;
    const sum = goesOn ? known.sum : new Float64Array(size);
    if (!goesOn) {
      for (let earlier = began; earlier < step; earlier++)
        addTo(sum, noiseAt(options, { ...time, step: earlier }, size));
    }
    addTo(sum, noise);
    sums.set(pair, { episode, step, sum });
    return sum;
  };
}

function addTo(sum: Float64Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] += values[i];
}

/** Losses of one pair in one truncation. */
export interface PairLosses {
  /** [truncation], with the noise and with its opposite. */
  readonly plus: ArrayLike<number>;
  readonly minus: ArrayLike<number>;
}

/** Where a truncation lies in its episode. */
export interface EpisodeEnd {
  /** Whether the episode ends with this truncation. */
  readonly ends: boolean;
  /** Truncations of the episode. */
  readonly truncations: number;
}

const meanOf = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
};

/**
 * The difference of the objective between twins in one truncation. `last` counts the last loss of an episode, times the episode's
 * truncations, so that both objectives give gradients of one number on the average over truncations; the noise that multiplies it is all of the
 * episode's.
 */
export function objectiveDifference(
  objective: "mean" | "last",
  { plus, minus }: PairLosses,
  { ends, truncations }: EpisodeEnd,
): number {
  if (objective === "mean") return meanOf(plus) - meanOf(minus);
  if (!ends) return 0;
  return truncations * (plus[plus.length - 1] - minus[minus.length - 1]);
}

/** Adds a pair's part of the gradient: its noise sum times the difference, over twice the variance of the noise and the pairs. */
export function addEstimate(
  gradient: Float64Array,
  noiseSum: Float64Array,
  difference: number,
  { noise, pairs }: { readonly noise: number; readonly pairs: number },
): void {
  const factor = difference / (2 * noise * noise * pairs);
  for (let i = 0; i < gradient.length; i++) gradient[i] += factor * noiseSum[i];
}
