// Points on directions and back: inner products of all points with all directions, and the adjoint map. Short rows are multiplied
// here, long ones by the kernel.

import type { Cloud } from "../points.ts";
import { reuseSmall } from "./memory.ts";
import {
  areRows,
  countOf,
  type DirectionList,
  type DirectionMatrix,
  type DirectionRows,
  projectByKernel,
  pullBackByKernel,
  suitsProjection,
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
  if (suitsProjection(dimension)) projectByKernel(room, dimension, list);
  else {
    const directions = areRows(list) ? list : directionRows(list);
    for (const [i, { values }] of room.entries()) projectShort(clouds[i], directions, values);
  }
  return room.map(({ values }) => values);
}

/** Inner products of all points with each direction: [directions][size]. */
export const projectAll = (cloud: Cloud, list: DirectionList): Float64Array[] =>
  projectClouds([cloud], list)[0];

/** {@link projectAll} of short rows, two directions and two points together: four products from four numbers read. */
function projectShort(
  cloud: Cloud,
  directions: DirectionRows,
  values: readonly Float64Array[],
): void {
  const { size, dimension } = cloud;
  const paired = directions.length - (directions.length % 2);
  forEachBlock(size, dimension, (from, to) => {
    for (let l = 0; l < paired; l += 2) projectOnTwo(cloud, directions, values, l, from, to);
  });
  for (let l = paired; l < directions.length; l++) values[l].set(project(cloud, directions[l]));
}

/** Points of a block on directions l and l + 1. */
function projectOnTwo(
  { dimension, data }: Cloud,
  directions: readonly Float64Array[],
  values: readonly Float64Array[],
  l: number,
  from: number,
  to: number,
): void {
  const [u, v, onU, onV] = [directions[l], directions[l + 1], values[l], values[l + 1]];
  for (let i = from; i < to; i += 2) {
    const start = i * dimension;
    const next = i + 1 < to ? start + dimension : start; // an odd last point stands beside itself
    let [firstU, firstV, nextU, nextV] = [0, 0, 0, 0];
    for (let j = 0; j < dimension; j++) {
      const x = data[start + j];
      const y = data[next + j];
      firstU += x * u[j];
      firstV += x * v[j];
      nextU += y * u[j];
      nextV += y * v[j];
    }
    onU[i] = firstU;
    onV[i] = firstV;
    if (next === start) continue;
    onU[i + 1] = nextU;
    onV[i + 1] = nextV;
  }
}

/** Numbers of a block of points that stays in the processor's cache while all directions pass over it. */
const blockNumbers = 4096;

/** Calls for every block of points, by its first and the one after its last. */
function forEachBlock(
  size: number,
  dimension: number,
  visit: (from: number, to: number) => void,
): void {
  const rows = Math.max(2, 2 * Math.floor(blockNumbers / dimension / 2));
  for (let from = 0; from < size; from += rows) visit(from, Math.min(from + rows, size));
}

/**
 * The adjoint of {@link projectAll}: the sum over directions of coefficient [directions][size] times direction, for every point.
 * Returns [size, dimension], row-major.
 */
export function pullBack(coefficients: readonly Float64Array[], list: DirectionList): Float64Array {
  const size = coefficients[0].length;
  const dimension = areRows(list) ? list[0].length : list.dimension;
  if (suitsProjection(dimension) && suitsProjection(countOf(list)))
    return pullBackByKernel(coefficients, list);
  const directions = areRows(list) ? list : directionRows(list);
  const sums = new Float64Array(size * dimension);
  const paired = directions.length - (directions.length % 4);
  forEachBlock(size, dimension, (from, to) => {
    for (let l = 0; l < paired; l += 4) addFour(sums, coefficients, directions, l, from, to);
    for (let l = paired; l < directions.length; l++)
      for (let i = from; i < to; i++)
        for (let j = 0; j < dimension; j++)
          sums[i * dimension + j] += coefficients[l][i] * directions[l][j];
  });
  return sums;
}

/** Adds four directions, from l on, to the points of a block. */
function addFour(
  sums: Float64Array,
  coefficients: readonly Float64Array[],
  directions: readonly Float64Array[],
  l: number,
  from: number,
  to: number,
): void {
  const [u, v, w, z] = [directions[l], directions[l + 1], directions[l + 2], directions[l + 3]];
  const dimension = u.length;
  for (let i = from; i < to; i++) {
    const start = i * dimension;
    const [a, b] = [coefficients[l][i], coefficients[l + 1][i]];
    const [c, d] = [coefficients[l + 2][i], coefficients[l + 3][i]];
    for (let j = 0; j < dimension; j++)
      sums[start + j] += a * u[j] + b * v[j] + c * w[j] + d * z[j];
  }
}
