// Clouds of points and their weights as float64 arrays, checked once where a distance begins.

import { OptionError, ShapeError } from "../core/errors.ts";
import { formatShape } from "../core/shapes.ts";
import type { Tensor } from "../core/tensors.ts";

/** Points of one dimension: rows of numbers, plain or typed, or a tensor [points, dimension]. */
export type Points = readonly ArrayLike<number>[] | Tensor;

/** A cloud after the checks: `data` is row-major [size, dimension] in float64, to read only: it may be the caller's own. */
export interface Cloud {
  readonly size: number;
  readonly dimension: number;
  readonly data: Float64Array;
}

/** Whether all numbers are finite. */
export function areFinite(values: ArrayLike<number>): boolean {
  let sum = 0; // a number that is not finite, less itself, is NaN
  for (let i = 0; i < values.length; i++) sum += values[i] - values[i];
  return sum === 0;
}

/** {@link areFinite} for many numbers: kept apart, since a loop that has seen one kind of array is three times as fast. */
function areAllFinite(values: Float64Array): boolean {
  const { length } = values;
  const paired = length - (length % 4);
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < paired; i += 4) {
    a += values[i] - values[i];
    b += values[i + 1] - values[i + 1];
    c += values[i + 2] - values[i + 2];
    d += values[i + 3] - values[i + 3];
  }
  for (let i = paired; i < length; i++) a += values[i] - values[i];
  return a + b + c + d === 0;
}

/** @throws {OptionError} for a coordinate that is not finite */
function refuseNonFinite(caller: string, name: string, cloud: Cloud): void {
  const { data, dimension } = cloud;
  if (areAllFinite(data)) return;
  const place = data.findIndex((value) => !Number.isFinite(value));
  refuseNumber(caller, name, data[place], Math.floor(place / dimension), place % dimension);
}

function refuseNumber(
  caller: string,
  name: string,
  value: unknown,
  row: number,
  column: number,
): never {
  if (isRow(value))
    throw new ShapeError(
      `${caller}: ${name} holds lists of rows, expected rows of numbers: one cloud, not a list of them`,
    );
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  throw new OptionError(
    `${caller}: ${name} has ${shown} in row ${row}, column ${column}, expected finite numbers; remove that row`,
  );
}

/** When coordinates of tensors are looked at: where they are read, or by the caller, who calls {@link refuseNonFiniteClouds}. */
export type FiniteCheck = "now" | "later";

function readTensor(
  caller: string,
  name: string,
  { shape, data }: Tensor,
  check: FiniteCheck,
): Cloud {
  if (typeof data === "function")
    throw new OptionError(
      `${caller}: ${name} is an engine array, expected rows of numbers or a tensor; slicedWasserstein and treeSlicedWasserstein take engine arrays, for both clouds`,
    );
  const [size, dimension] = shape;
  if (shape.length !== 2 || !shape.every((length) => Number.isSafeInteger(length) && length >= 1))
    throw new ShapeError(
      `${caller}: ${name} has shape ${formatShape(shape)}, expected [points, dimension] with at least one of each`,
    );
  if (data.length !== size * dimension)
    throw new ShapeError(
      `${caller}: ${name} has ${data.length} numbers, expected ${size * dimension} for shape ${formatShape(shape)}`,
    );
  const read = data instanceof Float64Array ? data : new Float64Array(data);
  const cloud = { size, dimension, data: read };
  if (check === "now") refuseNonFinite(caller, name, cloud);
  return cloud;
}

const isRow = (row: unknown): row is ArrayLike<number> =>
  Array.isArray(row) || (ArrayBuffer.isView(row) && !(row instanceof DataView));

function readRows(caller: string, name: string, rows: readonly unknown[]): Cloud {
  const [first] = rows;
  if (!isRow(first))
    throw new ShapeError(
      `${caller}: row 0 of ${name} is not a list of numbers, expected rows of one length; points on a line are rows of one number, [[1], [2]]`,
    );
  const [size, dimension] = [rows.length, first.length];
  const data = new Float64Array(size * dimension);
  for (let i = 0, at = 0; i < size; i++) {
    const row = rows[i];
    if (!isRow(row) || row.length !== dimension || dimension === 0)
      throw new ShapeError(
        `${caller}: row ${i} of ${name} is not a list of ${Math.max(dimension, 1)} numbers, expected rows of one length`,
      );
    for (let j = 0; j < dimension; j++) {
      const value: unknown = row[j];
      if (typeof value !== "number" || value - value !== 0) refuseNumber(caller, name, value, i, j);
      data[at++] = value;
    }
  }
  return { size, dimension, data };
}

/**
 * The points as one float64 array.
 * @throws {ShapeError} when they are empty or not rows of one length; {OptionError} for NaN, infinite coordinates, and what is no number.
 */
export function readPoints(
  caller: string,
  name: string,
  points: Points,
  check: FiniteCheck = "now",
): Cloud {
  const given: unknown = points;
  if (Array.isArray(given) && given.length > 0) return readRows(caller, name, given);
  if (Array.isArray(given))
    throw new ShapeError(`${caller}: ${name} is empty, expected at least one point`);
  if (typeof given === "object" && given !== null && "shape" in given && "data" in given)
    return readTensor(caller, name, given as Tensor, check);
  const kind = typeof given === "object" && given !== null ? "an object" : String(given);
  throw new ShapeError(
    `${caller}: ${name} is ${isRow(given) ? "one list of numbers" : kind}, expected rows of numbers, [[0, 1], [2, 3]], or a tensor { shape: [points, dimension], data }`,
  );
}

/** Both clouds of a distance. @throws {ShapeError} when their dimensions differ, too */
export function readClouds(
  caller: string,
  x: Points,
  y: Points,
  check: FiniteCheck = "now",
): readonly [Cloud, Cloud] {
  const [first, second] = [readPoints(caller, "x", x, check), readPoints(caller, "y", y, check)];
  if (first.dimension !== second.dimension)
    throw new ShapeError(
      `${caller}: x has dimension ${first.dimension} and y has dimension ${second.dimension}, expected the same`,
    );
  return [first, second];
}

/** @throws {OptionError} for a coordinate of either cloud that is not finite */
export function refuseNonFiniteClouds(caller: string, x: Cloud, y: Cloud): void {
  refuseNonFinite(caller, "x", x);
  refuseNonFinite(caller, "y", y);
}

/** The points of both clouds, those of the first before. */
export function joinClouds(x: Cloud, y: Cloud): Cloud {
  const data = new Float64Array(x.data.length + y.data.length);
  data.set(x.data);
  data.set(y.data, x.data.length);
  return { size: x.size + y.size, dimension: x.dimension, data };
}

/** How far the sum of given weights may lie from 1; rounding of float32 weights stays inside. */
const sumTolerance = 1e-5;

/**
 * The weights of a cloud; uniform where none are given.
 * @throws {ShapeError} for another number of weights than points; {OptionError} for weights that are negative, not finite, all
 * zero, or do not sum to 1 (`anySum` permits every positive sum).
 */
export function readWeights(
  caller: string,
  name: string,
  weights: ArrayLike<number> | undefined,
  size: number,
  anySum = false,
): Float64Array {
  if (weights === undefined) return new Float64Array(size).fill(1 / size);
  if (weights === null || typeof weights !== "object" || weights.length !== size)
    throw new ShapeError(
      `${caller}: ${name} has ${weights?.length ?? "no"} weights for ${size} points, expected one a point`,
    );
  const text = Array.prototype.findIndex.call(weights, (weight) => typeof weight !== "number");
  if (text !== -1)
    throw new OptionError(
      `${caller}: ${name}[${text}] is ${JSON.stringify(weights[text])}, expected a number`,
    );
  const copy = Float64Array.from(weights);
  const bad = copy.findIndex((weight) => !(weight >= 0 && weight < Infinity));
  if (bad !== -1)
    throw new OptionError(
      `${caller}: ${name}[${bad}] is ${copy[bad]}, expected a finite weight that is not negative`,
    );
  const sum = copy.reduce((total, weight) => total + weight, 0);
  if (sum === 0 || !Number.isFinite(sum) || (!anySum && Math.abs(sum - 1) > sumTolerance))
    throw new OptionError(
      `${caller}: the weights ${name} sum to ${sum}, expected ${anySum ? "a positive sum" : "1; divide them by their sum"}`,
    );
  return anySum || sum === 1 ? copy : copy.map((weight) => weight / sum);
}

/** @throws {OptionError} unless the order is a finite number of at least 1 */
export function checkOrder(caller: string, name: string, order: number): void {
  if (typeof order !== "number" || !(order >= 1 && order < Infinity))
    throw new OptionError(`${caller}: ${name} is ${order}, expected a finite number from 1`);
}

/** @throws {OptionError} unless the count is a whole number from `min` */
export function checkCount(caller: string, name: string, count: number, min = 1): void {
  if (!Number.isSafeInteger(count) || count < min)
    throw new OptionError(`${caller}: ${name} is ${count}, expected a whole number from ${min}`);
}

/** Mean and scale of the clouds together: the scale is the root of the variance averaged over coordinates. */
export interface PooledMoments {
  readonly mean: readonly number[];
  readonly scale: number;
}

/**
 * Mean [dimension] and scale of all points of all clouds, every point once; the scale is the unit for `delta` and for the std
 * of trees. @throws {ShapeError} @throws {OptionError} as for every distance
 */
export function pooledMoments(...clouds: readonly Points[]): PooledMoments {
  if (clouds.length === 0)
    throw new ShapeError("pooledMoments: there are no clouds, expected at least one");
  const read = clouds.map((points, i) => readPoints("pooledMoments", `cloud ${i}`, points));
  const { dimension } = read[0];
  const other = read.find((cloud) => cloud.dimension !== dimension);
  if (other !== undefined)
    throw new ShapeError(
      `pooledMoments: clouds have dimensions ${dimension} and ${other.dimension}, expected one dimension`,
    );
  const count = read.reduce((sum, { size }) => sum + size, 0);
  const mean = new Float64Array(dimension);
  for (const { data } of read)
    for (let at = 0; at < data.length;)
      for (let j = 0; j < dimension; j++) mean[j] += data[at++] / count;
  return { mean: [...mean], scale: rootMeanSquare(read, mean) };
}

/** Squares that sum to less are computed in units of the largest number, as those are that overflow. */
const leastSquares = 1e-280;

/** The root of the mean of the squares of all coordinates about a centre. */
function rootMeanSquare(clouds: readonly Cloud[], centre: Float64Array): number {
  const { length: dimension } = centre;
  const count = clouds.reduce((sum, { data }) => sum + data.length, 0);
  const sumOver = (term: (gap: number) => number) => {
    let sum = 0;
    for (const { data } of clouds)
      for (let at = 0; at < data.length;)
        for (let j = 0; j < dimension; j++) sum += term(data[at++] - centre[j]);
    return sum;
  };
  const squares = sumOver((gap) => gap ** 2);
  if (squares >= leastSquares && squares < Infinity) return Math.sqrt(squares / count);
  let largest = 0;
  sumOver((gap) => (largest = Math.max(largest, Math.abs(gap))));
  if (largest === 0) return 0;
  return largest * Math.sqrt(sumOver((gap) => (gap / largest) ** 2) / count);
}

/** The number itself. @throws {OptionError} when it overflowed */
export function finitePower(caller: string, power: number): number {
  if (!Number.isFinite(power))
    throw new OptionError(
      `${caller}: the distance to the power of its order overflows (${power}), or points and directions do; scale the points down or lower the order`,
    );
  return power;
}
