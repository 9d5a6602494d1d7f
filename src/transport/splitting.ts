// Splitting maps: which share of a point's mass goes to each line of a tree, and how those shares move with the point.

import { OptionError, ShapeError } from "../core/errors.ts";
import type { LineTree } from "./line-trees.ts";
import { reuse } from "./numeric/memory.ts";
import { sharePoints } from "./numeric/sharing-kernel.ts";
import { type CentredCloud, pointOf, type TreeCoordinates } from "./tree-coordinates.ts";

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

/** The squared distance of a point from a line, coordinate by coordinate; 0 where it is a rounding error. */
function squareFromLine(
  point: Float64Array,
  source: readonly number[],
  theta: readonly number[],
): number {
  const dimension = point.length;
  let [along, length, rest] = [0, 0, 0];
  for (let j = 0; j < dimension; j++) {
    const from = point[j] - source[j];
    along += from * theta[j];
    length += from * from;
  }
  for (let j = 0; j < dimension; j++) rest += (point[j] - source[j] - along * theta[j]) ** 2;
  return rest > squareRounding * length ? rest : 0;
}

/** Entry by entry the lesser of two arrays, or the greater, into the first. */
function keepNearest(best: Float64Array, values: Float64Array, isFar: boolean): void {
  if (isFar) for (let i = 0; i < best.length; i++) best[i] = Math.max(best[i], values[i]);
  else for (let i = 0; i < best.length; i++) best[i] = Math.min(best[i], values[i]);
}

/** Infinite steepness: points share equally among their nearest lines. */
function writeNearest(
  shares: readonly Float64Array[],
  distances: readonly Float64Array[],
  isFar: boolean,
): void {
  const best = distances[0].slice();
  for (const ofLine of distances) keepNearest(best, ofLine, isFar);
  const counts = new Float64Array(best.length);
  for (const ofLine of distances)
    for (let i = 0; i < best.length; i++) counts[i] += ofLine[i] === best[i] ? 1 : 0;
  for (const [l, own] of shares.entries())
    for (let i = 0; i < best.length; i++) own[i] = distances[l][i] === best[i] ? 1 / counts[i] : 0;
}

/** softmax over lines; the limits at delta = +-Infinity share equally among the nearest or farthest lines. */
function splitByDistance(
  { delta, unit = 1 }: DistanceSplitting,
  cloud: CentredCloud,
  { coordinates, squares }: TreeCoordinates,
  { source, theta }: LineTree,
  memory: SplitMemory,
): Shares {
  if (squares === undefined) throw new Error("splitCloud: distances need squares from the sources");
  const distances = source.map((_, l) => reuse(memory.distances, l, cloud.size));
  const shares = source.map((_, l) => reuse(memory.shares, l, cloud.size));
  const steepness = delta / unit;
  // Every point lies on every line of a space of one dimension.
  const measure = (i: number, l: number) =>
    cloud.dimension === 1 ? 0 : squareFromLine(pointOf(cloud, i), source[l], theta[l]);
  const isFinite = Number.isFinite(steepness);
  const points = { coordinates, squares, distances, shares };
  sharePoints(points, isFinite ? steepness : 0, (i, l) => Math.sqrt(measure(i, l)));
  if (!isFinite) writeNearest(shares, distances, steepness < 0);
  return { shares, distances };
}

function callbackShares(
  caller: string,
  splitting: CallbackSplitting,
  cloud: CentredCloud,
  tree: LineTree,
  index: number,
): Float64Array[] {
  const { size } = cloud;
  const points = Array.from({ length: size }, (_, i) => [...pointOf(cloud, i)]);
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

/** Arrays of one tree, line by line, for the next tree to use again. */
export interface SplitMemory {
  readonly distances: Float64Array[];
  readonly shares: Float64Array[];
}

export const splitMemory = (): SplitMemory => ({ distances: [], shares: [] });

/** Shares of the points of a cloud for one tree, in memory that may be used again. @throws {ShapeError} @throws {OptionError} for what a callback returns */
export function splitCloud(
  caller: string,
  splitting: Splitting,
  cloud: CentredCloud,
  places: TreeCoordinates,
  tree: LineTree,
  index: number,
  memory = splitMemory(),
): Shares {
  const lines = tree.parent.length;
  if (splitting.kind === "callback")
    return { shares: callbackShares(caller, splitting, cloud, tree, index) };
  if (splitting.kind === "constant") {
    const share = (line: number) => splitting.shares?.[line] ?? 1 / lines;
    const filled = (_: number, l: number) => reuse(memory.shares, l, cloud.size).fill(share(l));
    return { shares: tree.parent.map(filled) };
  }
  return splitByDistance(splitting, cloud, places, tree, memory);
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
  const means = new Float64Array(size);
  for (const [l, share] of shares.entries()) addProducts(means, share, derivatives[l]);
  for (const [l, share] of shares.entries())
    writeSlopes(result[l], share, derivatives[l], means, -factor);
  return result;
}

function addProducts(sums: Float64Array, a: Float64Array, b: Float64Array): void {
  for (let i = 0; i < sums.length; i++) sums[i] += a[i] * b[i];
}

/** What softmax makes of derivatives with respect to the shares of one line. */
function writeSlopes(
  slopes: Float64Array,
  share: Float64Array,
  derivative: Float64Array,
  means: Float64Array,
  factor: number,
): void {
  for (let i = 0; i < slopes.length; i++)
    slopes[i] = factor * share[i] * (derivative[i] - means[i]);
}
