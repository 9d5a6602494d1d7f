// Points on directions and back: inner products of all points with all directions, and the adjoint map.

import type { Cloud } from "../points.ts";
import { reuseSmall } from "./memory.ts";
import {
  areRows,
  countOf,
  type DirectionList,
  type DirectionMatrix,
  directionMatrix,
  type DirectionRows,
  projectByKernel,
} from "./projection-kernel.ts";

/** Inner products of all points with one direction: [size]. */
export function project({ size, dimension, data }: Cloud, direction: Float64Array): Float64Array {
  const values = new Float64Array(size);
  for (let i = 0, at = 0; i < size; i++) {
    let sum = 0;
    for (let j = 0; j < dimension; j++) sum += data[at++] * direction[j];
    values[i] = sum;
  }
  return values;
}

/** Directions that lie side by side, one a row: parts of one array, to read only. */
export function directionRows({ dimension, count, data }: DirectionMatrix): DirectionRows {
  const all = new Float64Array(data.length);
  for (let j = 0, from = 0; j < dimension; j++)
    for (let l = 0, at = j; l < count; l++, at += dimension) all[at] = data[from++];
  return Array.from({ length: count }, (_, l) => all.subarray(l * dimension, (l + 1) * dimension));
}

/** An array as rows of so many numbers. */
const rowsOfArray = (all: Float64Array, size: number): Float64Array[] =>
  Array.from({ length: all.length / size }, (_, l) => all.subarray(l * size, (l + 1) * size));

/**
 * Inner products of all points of clouds of one dimension with each direction: of each cloud [directions][size]. With a `memory`
 * they lie there until the next call that is given it.
 */
export function projectClouds(
  clouds: readonly Cloud[],
  list: DirectionList,
  memory: Float64Array[] = [],
): Float64Array[][] {
  const [{ dimension }] = clouds;
  const room = clouds.map(({ data, size }, i) => {
    return { data, values: rowsOfArray(reuseSmall(memory, i, countOf(list) * size), size) };
  });
  projectByKernel(room, dimension, list);
  return room.map(({ values }) => values);
}

/** Inner products of all points with each direction: [directions][size]. */
export const projectAll = (cloud: Cloud, list: DirectionList): Float64Array[] =>
  projectClouds([cloud], list)[0];

/**
 * The adjoint of {@link projectAll}: the sum over directions of coefficient [directions][size] times direction, for every point: inner
 * products of what belongs to a point with what belongs to a coordinate. Returns [size, dimension], row-major.
 */
export function pullBack(coefficients: readonly Float64Array[], list: DirectionList): Float64Array {
  const matrix = areRows(list) ? directionMatrix(list) : list;
  const { count: lines, dimension } = matrix;
  const size = coefficients[0].length;
  const ofPoints = new Float64Array(size * lines);
  for (const [l, row] of coefficients.entries())
    for (let i = 0; i < size; i++) ofPoints[i * lines + l] = row[i];
  const ofCoordinates = Array.from({ length: dimension }, () => new Float64Array(size));
  const rows = rowsOfArray(matrix.data, lines);
  projectByKernel([{ data: ofPoints, values: ofCoordinates }], lines, rows);
  const sums = new Float64Array(size * dimension);
  for (const [j, column] of ofCoordinates.entries())
    for (let i = 0; i < size; i++) sums[i * dimension + j] = column[i];
  return sums;
}
