// The permutation test of two samples: how often a random relabelling of the pooled points is as far apart as the labels given.

import { OptionError } from "../../core/errors.ts";
import { deriveSeed, randomStream } from "../../core/random.ts";
import { checkCount, joinClouds, type Points, readClouds } from "../points.ts";
import {
  type PreparedStatistic,
  type StatisticOptions,
  type TwoSampleStatistic,
  twoSampleStatistics,
} from "./two-sample.ts";

/** How many relabellings a test draws, and from which seed. */
export interface PermutationRun {
  /** Relabellings. The p-value is at least 1 / (permutations + 1). @default 999 */
  readonly permutations?: number;
  /** Fixes relabellings and random lines. @default 0 */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  /** Told now and then how many relabellings are done. */
  readonly onPermutation?: (done: number) => void;
}

export interface PermutationTestOptions extends PermutationRun, Omit<StatisticOptions, "seed"> {
  /** @default "energy" */
  readonly statistic?: TwoSampleStatistic;
}

/** A statistic of two samples and how rare it is under relabelling. */
export interface PermutationTestResult {
  /** The statistic of the labels given. */
  readonly value: number;
  /** Share of labellings, this one included, whose statistic is at least as large: valid at any level. */
  readonly pValue: number;
  readonly permutations: number;
}

/** Relabellings between two looks at the signal. */
const between = 64;

/**
 * The test on a prepared statistic of n + m points, the first n of which are the first sample.
 * @throws the signal's reason after an abort
 */
export async function permute(
  statistic: PreparedStatistic,
  n: number,
  m: number,
  { permutations = 999, seed = 0, signal, onPermutation }: PermutationRun,
): Promise<PermutationTestResult> {
  const label = (place: number) => (place < n ? 1 / n : -1 / m);
  const signed = Float64Array.from({ length: n + m }, (_, i) => label(i));
  const value = statistic(signed);
  const tie = 1e-12 * Math.abs(value); // equal up to the order of summation counts as equal
  let asLarge = 1;
  for (let done = 0; done < permutations; done++) {
    if (done % between === 0) {
      onPermutation?.(done);
      if (done > 0) await new Promise((resolve) => setTimeout(resolve, 0));
      signal?.throwIfAborted();
    }
    const order = randomStream(deriveSeed(seed, "permutation", done)).permutation(n + m);
    order.forEach((point, place) => (signed[point] = label(place)));
    if (statistic(signed) >= value - tie) asLarge++;
  }
  onPermutation?.(permutations);
  return { value, pValue: asLarge / (permutations + 1), permutations };
}

/**
 * Whether two samples come from one population: a p-value that is honest for every sample size, since lines, roots and bandwidths are
 * chosen on the pooled sample alone.
 * @throws {ShapeError} for empty samples or other dimensions; {OptionError} for NaN, an unknown statistic or bad options; the signal's
 * reason after an abort
 */
export async function permutationTest(
  x: Points,
  y: Points,
  options: PermutationTestOptions = {},
): Promise<PermutationTestResult> {
  const caller = "permutationTest";
  const { statistic = "energy", permutations = 999, seed = 0 } = options;
  checkCount(caller, "permutations", permutations);
  checkCount(caller, "seed", seed, 0);
  checkCount(caller, "lines", options.lines ?? 96);
  checkCount(caller, "linesPerTree", options.linesPerTree ?? 4);
  if (options.delta !== undefined && Number.isNaN(options.delta))
    throw new OptionError(`${caller}: delta is NaN, expected a number`);
  if (!Object.hasOwn(twoSampleStatistics, statistic))
    throw new OptionError(
      `${caller}: statistic is "${statistic}", expected one of ${Object.keys(twoSampleStatistics).join(", ")}`,
    );
  const [first, second] = readClouds(caller, x, y);
  const prepared = twoSampleStatistics[statistic](joinClouds(first, second), {
    ...options,
    seed: deriveSeed(seed, "lines"),
  });
  return permute(prepared, first.size, second.size, options);
}
