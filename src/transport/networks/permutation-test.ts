// The permutation test of two samples: how often a random relabelling of the pooled points is as far apart as the labels given.

import { OptionError } from "../../core/errors.ts";
import { deriveSeed, randomStream } from "../../core/random.ts";
import { checkCount, type Cloud, joinClouds, type Points, readClouds } from "../points.ts";
import {
  type PreparedStatistic,
  type StatisticOptions,
  type TwoSampleStatistic,
  twoSampleStatistics,
} from "./two-sample.ts";

/** Some of the relabellings of a test, from number `from` to before number `to`. */
export interface PermutationBlock {
  readonly from: number;
  readonly to: number;
  /** The statistic of the labels given. */
  readonly value: number;
  /** How many relabellings of the block have a statistic that is at least as large. */
  readonly asLarge: number;
}

/** Where finished blocks of one test are kept, so that a test that was cut goes on. */
export interface PermutationBlocks {
  /** Relabellings in a block; the last one may have fewer. */
  readonly size: number;
  /** A finished block; undefined when it is not finished. */
  read(from: number, to: number): Promise<PermutationBlock | undefined>;
  keep(block: PermutationBlock): Promise<void>;
}

/** How many relabellings a test draws, and from which seed. */
export interface PermutationRun {
  /** Relabellings. The p-value is at least 1 / (permutations + 1). @default 999 */
  readonly permutations?: number;
  /** Fixes relabellings and random lines. @default 0 */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  /** Told now and then how many relabellings are done. */
  readonly onPermutation?: (done: number) => void;
  /** Finished blocks, which are not drawn again; they must be of the same samples and options. @default none */
  readonly blocks?: PermutationBlocks;
}

/** The statistic of a permutation test, and how many relabellings it draws. */
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
 * Statistics that differ by less count as equal: the order of summation decides about it. Besides the value it is measured by the
 * statistic where nothing cancels, with all labels of one sign.
 */
function tieOf(statistic: PreparedStatistic, value: number, size: number): number {
  const uncancelled = statistic(new Float64Array(size).fill(2 / size));
  return 1e-12 * Math.abs(value) + 1e-14 * Math.abs(uncancelled);
}

/** One block of relabellings. @throws the signal's reason after an abort */
async function permuteBlock(
  statistic: PreparedStatistic,
  [n, m]: readonly [number, number],
  [from, to]: readonly [number, number],
  { seed = 0, signal, onPermutation }: PermutationRun,
): Promise<PermutationBlock> {
  const label = (place: number) => (place < n ? 1 / n : -1 / m);
  const signed = Float64Array.from({ length: n + m }, (_, i) => label(i));
  const value = statistic(signed);
  const tie = tieOf(statistic, value, n + m);
  let asLarge = 0;
  for (let done = from; done < to; done++) {
    if ((done - from) % between === 0) {
      onPermutation?.(done);
      if (done > 0) await new Promise((resolve) => setTimeout(resolve, 0));
      signal?.throwIfAborted();
    }
    const order = randomStream(deriveSeed(seed, "permutation", done)).permutation(n + m);
    order.forEach((point, place) => (signed[point] = label(place)));
    if (statistic(signed) >= value - tie) asLarge++;
  }
  return { from, to, value, asLarge };
}

/**
 * The test on n + m points, the first n of which are the first sample. The statistic is prepared when the first block needs it.
 * @throws the signal's reason after an abort
 */
export async function permute(
  prepare: () => PreparedStatistic,
  n: number,
  m: number,
  options: PermutationRun,
): Promise<PermutationTestResult> {
  const { permutations = 999, onPermutation, blocks } = options;
  const size = blocks?.size ?? permutations;
  let statistic: PreparedStatistic | undefined;
  let [asLarge, value] = [1, Number.NaN];
  for (let from = 0; from < permutations; from += size) {
    const to = Math.min(from + size, permutations);
    let block = await blocks?.read(from, to);
    if (block === undefined) {
      statistic ??= prepare();
      block = await permuteBlock(statistic, [n, m], [from, to], options);
      await blocks?.keep(block);
    }
    asLarge += block.asLarge;
    value = block.value;
    onPermutation?.(to);
  }
  return { value, pValue: asLarge / (permutations + 1), permutations };
}

/** A statistic of two clouds, prepared on all their points; lines come from the seed. */
export function prepareOn(
  statistic: TwoSampleStatistic,
  clouds: readonly [Cloud, Cloud],
  { seed = 0, ...options }: PermutationTestOptions,
): PreparedStatistic {
  return twoSampleStatistics[statistic](joinClouds(...clouds), {
    ...options,
    seed: deriveSeed(seed, "lines"),
  });
}

/** @throws {OptionError} for numbers of relabellings, seeds, lines or a delta that cannot be */
export function checkPermutationOptions(caller: string, options: PermutationTestOptions): void {
  checkCount(caller, "permutations", options.permutations ?? 999);
  checkCount(caller, "seed", options.seed ?? 0, 0);
  checkCount(caller, "lines", options.lines ?? 96);
  checkCount(caller, "linesPerTree", options.linesPerTree ?? 4);
  if (options.blocks !== undefined) checkCount(caller, "blocks.size", options.blocks.size);
  if (options.delta !== undefined && Number.isNaN(options.delta))
    throw new OptionError(`${caller}: delta is NaN, expected a number`);
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
  const { statistic = "energy" } = options;
  checkPermutationOptions(caller, options);
  if (!Object.hasOwn(twoSampleStatistics, statistic))
    throw new OptionError(
      `${caller}: statistic is "${statistic}", expected one of ${Object.keys(twoSampleStatistics).join(", ")}`,
    );
  const clouds = readClouds(caller, x, y);
  const [first, second] = clouds;
  return permute(() => prepareOn(statistic, clouds, options), first.size, second.size, options);
}
