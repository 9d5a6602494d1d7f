// Clouds of points and their weights as float64 arrays, checked once where a distance begins.

import { OptionError, ShapeError } from "../core/errors.ts";
import { formatShape } from "../core/shapes.ts";
import type { Tensor } from "../core/tensors.ts";

/** Points of one dimension: rows of numbers, or a tensor [points, dimension]. */
export type Points = readonly (readonly number[])[] | Tensor;

/** A cloud after the checks: `data` is row-major [size, dimension] in float64. */
export interface Cloud {
  readonly size: number;
  readonly dimension: number;
  readonly data: Float64Array;
}

const isTensor = (points: Points): points is Tensor => "shape" in points && "data" in points;

/** Whether all numbers are finite. */
export function areFinite(values: ArrayLike<number>): boolean {
  const { length } = values;
  const paired = length - (length % 4);
  let [a, b, c, d] = [0, 0, 0, 0]; // a number that is not finite, less itself, is NaN
  for (let i = 0; i < paired; i += 4) {
    a += values[i] - values[i];
    b += values[i + 1] - values[i + 1];
    c += values[i + 2] - values[i + 2];
    d += values[i + 3] - values[i + 3];
  }
  for (let i = paired; i < length; i++) a += values[i] - values[i];
  return a + b + c + d === 0;
}

function refuseNonFinite(caller: string, name: string, cloud: Cloud): void {
  const { data } = cloud;
  if (areFinite(data)) return;
  const place = data.findIndex((value) => !Number.isFinite(value));
  const [row, column] = [Math.floor(place / cloud.dimension), place % cloud.dimension];
  throw new OptionError(
    `${caller}: ${name} has ${cloud.data[place]} in row ${row}, column ${column}, expected finite numbers; remove that row`,
  );
}

/**
 * The points as one float64 array.
 * @throws {ShapeError} when they are empty or not rows of one length; {OptionError} for NaN or infinite coordinates.
 */
export function readPoints(caller: string, name: string, points: Points): Cloud {
  if (isTensor(points)) {
    const [size, dimension] = points.shape;
    if (points.shape.length !== 2 || size < 1 || dimension < 1)
      throw new ShapeError(
        `${caller}: ${name} has shape ${formatShape(points.shape)}, expected [points, dimension] with at least one of each`,
      );
    if (points.data.length !== size * dimension)
      throw new ShapeError(
        `${caller}: ${name} has ${points.data.length} numbers, expected ${size * dimension} for shape ${formatShape(points.shape)}`,
      );
    const cloud = { size, dimension, data: new Float64Array(points.data) };
    refuseNonFinite(caller, name, cloud);
    return cloud;
  }
  if (!Array.isArray(points) || points.length === 0)
    throw new ShapeError(`${caller}: ${name} is empty, expected at least one point`);
  const rows = points as readonly (readonly number[])[];
  const dimension = Array.isArray(rows[0]) ? rows[0].length : 0;
  const odd = rows.findIndex((row) => !Array.isArray(row) || row.length !== dimension);
  if (dimension === 0 || odd !== -1)
    throw new ShapeError(
      `${caller}: row ${Math.max(odd, 0)} of ${name} is not a list of ${Math.max(dimension, 1)} numbers, expected rows of one length`,
    );
  const cloud = { size: rows.length, dimension, data: Float64Array.from(rows.flat()) };
  refuseNonFinite(caller, name, cloud);
  return cloud;
}

/** Both clouds of a distance. @throws {ShapeError} when their dimensions differ, too */
export function readClouds(caller: string, x: Points, y: Points): readonly [Cloud, Cloud] {
  const [first, second] = [readPoints(caller, "x", x), readPoints(caller, "y", y)];
  if (first.dimension !== second.dimension)
    throw new ShapeError(
      `${caller}: x has dimension ${first.dimension} and y has dimension ${second.dimension}, expected the same`,
    );
  return [first, second];
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
  if (weights.length !== size)
    throw new ShapeError(
      `${caller}: ${name} has ${weights.length} weights for ${size} points, expected one a point`,
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
  if (!(order >= 1 && order < Infinity))
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
  let squares = 0;
  for (const { data } of read)
    for (let at = 0; at < data.length;)
      for (let j = 0; j < dimension; j++) squares += (data[at++] - mean[j]) ** 2;
  return { mean: [...mean], scale: Math.sqrt(squares / (count * dimension)) };
}

/** The number itself. @throws {OptionError} when it overflowed */
export function finitePower(caller: string, power: number): number {
  if (!Number.isFinite(power))
    throw new OptionError(
      `${caller}: the distance to the power of its order is ${power}, more than a number can hold; scale the points down`,
    );
  return power;
}
