// Splitting maps: which share of a point's mass goes to each line of a tree, and how those shares move with the point.

import { OptionError, ShapeError } from "../core/errors.ts";
import type { LineTree } from "./line-trees.ts";
import type { Cloud } from "./points.ts";
import { safeShare, type TreeCoordinates } from "./tree-coordinates.ts";

/** The same share of every point for each line; with it TSW-SL is a weighted mean of sliced W1. */
export interface ConstantSplitting {
  readonly kind: "constant";
  /** Shares of the lines, which sum to 1; one list for all trees. @default uniform */
  readonly shares?: readonly number[];
}

/** softmax over lines of -delta * distance / unit (Db-TSW): near lines get more where delta is positive. */
export interface DistanceSplitting {
  readonly kind: "distance";
  /** 0 is uniform, Infinity the nearest line alone (equally near ones share), negative numbers prefer far lines. */
  readonly delta: number;
  /** Length in which distances are measured, such as `pooledMoments(x, y).scale`; a constant for gradients. @default 1 */
  readonly unit?: number;
}

/** Shares from a function of the points [n, d] and the tree: [n, k], rows that sum to 1. Constants for gradients. */
export interface CallbackSplitting {
  readonly kind: "callback";
  readonly shares: (
    points: readonly (readonly number[])[],
    tree: LineTree,
    index: number,
  ) => readonly (readonly number[])[];
}

/** How a point's mass is shared among the lines of a tree. */
export type Splitting = ConstantSplitting | DistanceSplitting | CallbackSplitting;

/** Units from here to its inverse have squares that numbers hold. */
const leastUnit = 1e-140;

/** @throws {OptionError} for delta NaN, a unit that is not positive, or shares that do not sum to 1; {ShapeError} for another count */
export function checkSplitting(
  caller: string,
  splitting: Splitting,
  trees: readonly LineTree[],
): void {
  if (splitting.kind === "distance") {
    const { delta, unit = 1 } = splitting;
    if (typeof delta !== "number" || Number.isNaN(delta))
      throw new OptionError(`${caller}: delta is ${delta}, expected a number; 10 is a usual one`);
    if (!(unit > 0 && unit < Infinity))
      throw new OptionError(`${caller}: unit is ${unit}, expected a positive length`);
    if (unit < leastUnit || unit > 1 / leastUnit)
      throw new OptionError(
        `${caller}: unit is ${unit}, whose square a number cannot hold; scale points, lines and unit`,
      );
  } else if (splitting.kind === "constant") {
    const { shares } = splitting;
    if (shares === undefined) return;
    const other = trees.find(({ parent }) => parent.length !== shares.length);
    if (other !== undefined)
      throw new ShapeError(
        `${caller}: there are ${shares.length} shares and a tree of ${other.parent.length} lines, expected one share a line`,
      );
    checkShares(caller, "shares", shares);
  } else if (splitting.kind !== "callback")
    throw new OptionError(
      `${caller}: splitting has kind ${JSON.stringify((splitting as { kind: unknown }).kind)}, expected constant, distance or callback`,
    );
}

function checkShares(caller: string, name: string, shares: readonly number[]): void {
  const sum = shares.reduce((total, share) => total + share, 0);
  if (!shares.every((share) => share >= 0) || !(Math.abs(sum - 1) <= 1e-6))
    throw new OptionError(
      `${caller}: ${name} are ${shares.join(", ")}, expected numbers from 0 that sum to 1`,
    );
}

/** Shares of all points [k][n], and for distances their distance to each line [k][n]. */
export interface Shares {
  readonly shares: readonly Float64Array[];
  readonly distances?: readonly Float64Array[];
}

/** Squared distances below this share of the squares that they come from are rounding errors of points on the line. */
const squareRounding = 1e-28;

/** The squared distance of point i from a line, coordinate by coordinate; 0 where it is a rounding error. */
function squareFromLine(
  { dimension, data }: Cloud,
  i: number,
  source: readonly number[],
  theta: readonly number[],
): number {
  const start = i * dimension;
  let [along, length, rest] = [0, 0, 0];
  for (let j = 0; j < dimension; j++) {
    const from = data[start + j] - source[j];
    along += from * theta[j];
    length += from * from;
  }
  for (let j = 0; j < dimension; j++) rest += (data[start + j] - source[j] - along * theta[j]) ** 2;
  return rest > squareRounding * length ? rest : 0;
}

/** Distances of the points from a line, from their coordinates on it and their squared distances from its source. */
function lineDistances(
  cloud: Cloud,
  source: readonly number[],
  squares: Float64Array,
  coordinates: Float64Array,
  theta: readonly number[],
): Float64Array {
  const distances = new Float64Array(cloud.size);
  if (cloud.dimension === 1) return distances; // every point lies on every line
  for (let i = 0; i < distances.length; i++) {
    const t = coordinates[i];
    const rest = squares[i] - t * t;
    const isSafe = rest > safeShare * squares[i];
    distances[i] = Math.sqrt(isSafe ? rest : squareFromLine(cloud, i, source, theta));
  }
  return distances;
}

/** Entry by entry the lesser of two arrays, or the greater, into the first. */
function keepNearest(best: Float64Array, values: Float64Array, isFar: boolean): void {
  if (isFar) for (let i = 0; i < best.length; i++) best[i] = Math.max(best[i], values[i]);
  else for (let i = 0; i < best.length; i++) best[i] = Math.min(best[i], values[i]);
}

/** softmax over lines; the limits at delta = +-Infinity share equally among the nearest or farthest lines. */
function distanceShares(distances: readonly Float64Array[], factor: number): Float64Array[] {
  const size = distances[0].length;
  const best = distances[0].slice();
  for (const ofLine of distances) keepNearest(best, ofLine, factor < 0);
  const sums = new Float64Array(size);
  const shares = distances.map((ofLine) => {
    const own = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      const behind = ofLine[i] - best[i];
      const share = behind === 0 ? 1 : Math.exp(-factor * behind);
      own[i] = share;
      sums[i] += share;
    }
    return own;
  });
  for (let i = 0; i < size; i++) sums[i] = 1 / sums[i];
  for (const own of shares) for (let i = 0; i < size; i++) own[i] *= sums[i];
  return shares;
}

function callbackShares(
  caller: string,
  splitting: CallbackSplitting,
  { size, dimension, data }: Cloud,
  tree: LineTree,
  index: number,
): Float64Array[] {
  const points = Array.from({ length: size }, (_, i) => [
    ...data.subarray(i * dimension, (i + 1) * dimension),
  ]);
  const rows = splitting.shares(points, tree, index);
  const lines = tree.parent.length;
  if (rows?.length !== size || rows.some((row) => row?.length !== lines))
    throw new ShapeError(
      `${caller}: the splitting callback gave ${rows?.length ?? "no"} rows of ${rows?.[0]?.length ?? "no"} shares, expected ${size} rows (points) of ${lines} (lines)`,
    );
  rows.forEach((row, i) => checkShares(caller, `the callback's shares of point ${i}`, row));
  return Array.from({ length: lines }, (_, l) => Float64Array.from(rows, (row) => row[l]));
}

/** Whether shares depend on distances, which need squared distances from the sources. */
export const readsDistances = ({ kind }: Splitting): boolean => kind === "distance";

/** Shares of the points of a cloud for one tree. @throws {ShapeError} @throws {OptionError} for what a callback returns */
export function splitCloud(
  caller: string,
  splitting: Splitting,
  cloud: Cloud,
  { coordinates, squares }: TreeCoordinates,
  tree: LineTree,
  index: number,
): Shares {
  const lines = tree.parent.length;
  if (splitting.kind === "callback")
    return { shares: callbackShares(caller, splitting, cloud, tree, index) };
  if (splitting.kind === "constant") {
    const share = (line: number) => splitting.shares?.[line] ?? 1 / lines;
    return { shares: tree.parent.map((_, l) => new Float64Array(cloud.size).fill(share(l))) };
  }
  if (squares === undefined) throw new Error("splitCloud: distances need squares from the sources");
  const distances = coordinates.map((t, l) =>
    lineDistances(cloud, tree.source[l], squares[l], t, tree.theta[l]),
  );
  const factor = splitting.delta / (splitting.unit ?? 1);
  return { shares: distanceShares(distances, factor), distances };
}

/**
 * The gradient with respect to distances [k][n] from that with respect to shares; 0 where delta is infinite, since shares are
 * constant almost everywhere then.
 */
export function distanceDerivatives(
  { delta, unit = 1 }: DistanceSplitting,
  { shares }: Shares,
  derivatives: readonly Float64Array[],
): Float64Array[] {
  const size = shares[0].length;
  const result = shares.map(() => new Float64Array(size));
  const factor = delta / unit;
  if (!Number.isFinite(factor)) return result;
  for (let i = 0; i < size; i++) {
    let mean = 0;
    for (let l = 0; l < shares.length; l++) mean += shares[l][i] * derivatives[l][i];
    for (let l = 0; l < shares.length; l++)
      result[l][i] = -factor * shares[l][i] * (derivatives[l][i] - mean);
  }
  return result;
}
