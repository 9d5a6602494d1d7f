// Statistics for the question whether two samples come from one population, prepared once on the pooled sample so that every
// relabelling of its points costs only running sums. Nothing that is prepared sees the labels.

import { project } from "../numeric/projection.ts";
import { randomDirection } from "../directions.ts";
import { randomStream } from "../../core/random.ts";
import type { LineTree } from "../line-trees.ts";
import type { Cloud } from "../points.ts";
import { treesAround } from "../sample-trees.ts";
import { sortOrderOf } from "../numeric/sort-lines.ts";
import { splitCloud } from "../splitting.ts";
import { centreClouds, placeOnTrees } from "../tree-coordinates.ts";

/** The value for a labelling: `signed` is 1 / n for points of the first sample and -1 / m for those of the second. */
export type PreparedStatistic = (signed: Float64Array) => number;

/** Lines of a statistic, and its seed. */
export interface StatisticOptions {
  /** Lines in all: directions of `sw1`, lines of the trees of `db-tsw`. @default 96 */
  readonly lines?: number;
  /** Lines in each tree. @default 4 */
  readonly linesPerTree?: number;
  /** Of Db-TSW, in units of 1 / std of the pooled sample. @default 10 */
  readonly delta?: number;
  /** @default 0 */
  readonly seed?: number;
}

/** A line with its atoms sorted; an atom after the points is the source of a concurrent tree, whose mass balances the line. */
interface SortedAtoms {
  readonly order: Int32Array;
  readonly gaps: Float64Array;
  readonly shares: Float64Array | undefined;
}

function sortAtoms(keys: Float64Array, shares?: Float64Array): SortedAtoms {
  const order = sortOrderOf(keys);
  const gaps = new Float64Array(keys.length - 1);
  for (let j = 0; j < gaps.length; j++) gaps[j] = keys[order[j + 1]] - keys[order[j]];
  return { order, gaps, shares };
}

/** Sum of gap times |flow| on one line; an atom beyond the points is the source. */
function lineCost({ order, gaps, shares }: SortedAtoms, signed: Float64Array): number {
  let balance = 0;
  if (shares !== undefined)
    for (let i = 0; i < signed.length; i++) balance -= shares[i] * signed[i];
  let [flow, cost] = [0, 0];
  for (let j = 0; j < gaps.length; j++) {
    const atom = order[j];
    if (atom >= signed.length) flow += balance;
    else flow += shares === undefined ? signed[atom] : shares[atom] * signed[atom];
    cost += Math.abs(flow) * gaps[j];
  }
  return cost;
}

function slicedStatistic(pooled: Cloud, { lines = 96, seed = 0 }: StatisticOptions) {
  const random = randomStream(seed);
  const sorted = Array.from({ length: lines }, () =>
    sortAtoms(project(pooled, Float64Array.from(randomDirection(pooled.dimension, random)))),
  );
  return (signed: Float64Array) =>
    sorted.reduce((sum, line) => sum + lineCost(line, signed), 0) / lines;
}

function sortTrees(
  pooled: Cloud,
  trees: readonly LineTree[],
  delta: number,
  unit: number,
): SortedAtoms[] {
  const splitting = { kind: "distance", delta, unit } as const;
  const centred = centreClouds([pooled], trees[0].source[0]);
  return [...placeOnTrees(centred, trees, true)].flatMap((places, t) => {
    const { shares } = splitCloud("two-sample test", splitting, centred, places, trees[t], t);
    return places.coordinates.map((ofLine, l) => {
      const keys = new Float64Array(ofLine.length + 1); // the last atom is the source, at 0
      keys.set(ofLine);
      return sortAtoms(keys, shares[l]);
    });
  });
}

function treeStatistic(
  pooled: Cloud,
  { lines = 96, linesPerTree = 4, delta = 10, seed = 0 }: StatisticOptions,
) {
  const points = { shape: [pooled.size, pooled.dimension], data: pooled.data };
  const { trees, unit } = treesAround([points], { lines, linesPerTree, seed });
  const sorted = sortTrees(pooled, trees, delta, unit);
  return (signed: Float64Array) =>
    sorted.reduce((sum, line) => sum + lineCost(line, signed), 0) / trees.length;
}

/** Distances of all pairs: [size, size] */
export function pairDistances({ size, dimension, data }: Cloud): Float64Array {
  const distances = new Float64Array(size * size);
  for (let i = 0; i < size; i++)
    for (let j = 0; j < i; j++) {
      let squares = 0;
      for (let k = 0; k < dimension; k++)
        squares += (data[i * dimension + k] - data[j * dimension + k]) ** 2;
      distances[i * size + j] = distances[j * size + i] = Math.sqrt(squares);
    }
  return distances;
}

/** The quadratic form of a symmetric matrix. */
function quadratic(matrix: Float64Array, signed: Float64Array): number {
  const size = signed.length;
  let sum = 0;
  for (let i = 0; i < size; i++) {
    let row = 0;
    for (let j = 0; j < size; j++) row += matrix[i * size + j] * signed[j];
    sum += signed[i] * row;
  }
  return sum;
}

/**
 * The squared maximum mean discrepancy of a Gaussian kernel on given distances, its bandwidth their median. Distances that are those of
 * a Hilbert space give a positive semidefinite kernel.
 */
export function kernelStatistic(distances: Float64Array): PreparedStatistic {
  const positive = distances.filter((d) => d > 0).sort();
  const median = positive.length === 0 ? 1 : positive[Math.floor(positive.length / 2)];
  const kernel = distances.map((d) => Math.exp(-(d * d) / (2 * median * median)));
  return (signed) => quadratic(kernel, signed);
}

function energyStatistic(pooled: Cloud): PreparedStatistic {
  const distances = pairDistances(pooled);
  return (signed) => -quadratic(distances, signed);
}

/** Statistics by name: sliced W1, Db-TSW, the energy distance, and MMD with a Gaussian kernel at the median distance. */
export const twoSampleStatistics = {
  sw1: slicedStatistic,
  "db-tsw": treeStatistic,
  energy: energyStatistic,
  mmd: (pooled: Cloud) => kernelStatistic(pairDistances(pooled)),
} satisfies Record<string, (pooled: Cloud, options: StatisticOptions) => PreparedStatistic>;

/** Statistics that compare two samples. */
export type TwoSampleStatistic = keyof typeof twoSampleStatistics;
