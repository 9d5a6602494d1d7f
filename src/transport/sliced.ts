// Sliced Wasserstein distances on plain arrays in float64 (Rabin et al. 2011; Bonneel et al. 2015), with their gradient in
// closed form. Names of arguments and results are those of POT's ot.sliced in camel case.

import { ShapeError, OptionError } from "../core/errors.ts";
import type { Tensor } from "../core/tensors.ts";
import { randomProjections } from "./directions.ts";
import {
  coupleLines,
  evenPower,
  gapDerivative,
  gapPower,
  isPlaceByPlace,
  linePower,
  sortedLine,
} from "./one-dimensional.ts";
import { sortAscending } from "./sort-order.ts";
import {
  columnsOf,
  projectByKernel,
  pullBackByKernel,
  suitsProjection,
} from "./projection-kernel.ts";
import {
  areFinite,
  checkCount,
  checkOrder,
  type Cloud,
  finitePower,
  type Points,
  readClouds,
  readWeights,
} from "./points.ts";

/** Order, weights and directions of a sliced distance. */
export interface SlicedOptions {
  /** Weights of x, which sum to 1. @default uniform */
  readonly a?: ArrayLike<number>;
  /** Weights of y, which sum to 1. @default uniform */
  readonly b?: ArrayLike<number>;
  /** Random directions when `projections` is not given. @default 50 */
  readonly nProjections?: number;
  /** Order. @default 2 */
  readonly p?: number;
  /** Directions as columns [dimension, nProjections], used as they are, not made unit vectors. */
  readonly projections?: readonly (readonly number[])[];
  /** Fixes the random directions. @default 0 */
  readonly seed?: number;
}

/** What `log: true` returns. */
export interface SlicedLog {
  readonly value: number;
  /** [dimension, nProjections] */
  readonly projections: readonly (readonly number[])[];
  /** W_p to the power p along every direction. */
  readonly projectedEmds: readonly number[];
}

/** Two clouds, their weights and directions after all checks. */
export interface SlicedProblem {
  readonly x: Cloud;
  readonly y: Cloud;
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly p: number;
  /** [dimension, nProjections] */
  readonly projections: readonly (readonly number[])[];
  /** The same, one direction a row. */
  readonly directions: readonly Float64Array[];
}

function checkProjections(
  caller: string,
  projections: readonly (readonly number[])[],
  dimension: number,
): void {
  const columns = projections[0]?.length ?? 0;
  if (
    projections.length !== dimension ||
    columns === 0 ||
    projections.some((row) => row.length !== columns)
  )
    throw new ShapeError(
      `${caller}: projections has ${projections.length} rows of ${columns} numbers, expected ${dimension} rows (the dimension of the points) and one column a direction`,
    );
  if (!projections.every(areFinite))
    throw new OptionError(`${caller}: projections has a number that is not finite`);
}

/** The directions of a call, given or drawn: [dimension, nProjections]. @throws {ShapeError} @throws {OptionError} */
export function chooseProjections(
  caller: string,
  dimension: number,
  { nProjections = 50, projections, seed = 0 }: SlicedOptions,
): readonly (readonly number[])[] {
  if (projections === undefined) {
    checkCount(caller, "nProjections", nProjections);
    checkCount(caller, "seed", seed, 0);
    return randomProjections(dimension, nProjections, seed);
  }
  checkProjections(caller, projections, dimension);
  return projections;
}

/** All arguments checked and read. @throws {ShapeError} @throws {OptionError} */
export function slicedProblem(
  caller: string,
  x: Points,
  y: Points,
  options: SlicedOptions,
): SlicedProblem {
  const { p = 2 } = options;
  checkOrder(caller, "p", p);
  const [first, second] = readClouds(caller, x, y);
  const projections = chooseProjections(caller, first.dimension, options);
  return {
    x: first,
    y: second,
    a: readWeights(caller, "a", options.a, first.size),
    b: readWeights(caller, "b", options.b, second.size),
    p,
    projections,
    directions: columnsOf(projections),
  };
}

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

/**
 * Inner products of all points with each direction: [directions][size]. Short rows are multiplied here, two directions and two
 * points together: four products from four numbers read.
 */
export function projectAll(cloud: Cloud, directions: readonly Float64Array[]): Float64Array[] {
  const { size, dimension } = cloud;
  const all = new Float64Array(size * directions.length);
  const values = directions.map((_, l): Float64Array => all.subarray(l * size, (l + 1) * size));
  if (suitsProjection(dimension)) {
    projectByKernel(cloud.data, size, dimension, directions, values);
    return values;
  }
  const paired = directions.length - (directions.length % 2);
  forEachBlock(size, dimension, (from, to) => {
    for (let l = 0; l < paired; l += 2) projectOnTwo(cloud, directions, values, l, from, to);
  });
  for (let l = paired; l < directions.length; l++) values[l] = project(cloud, directions[l]);
  return values;
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
export function pullBack(
  coefficients: readonly Float64Array[],
  directions: readonly Float64Array[],
): Float64Array {
  const [size, dimension] = [coefficients[0].length, directions[0].length];
  if (suitsProjection(dimension) && suitsProjection(directions.length))
    return pullBackByKernel(coefficients, directions);
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

/** Both clouds projected on every direction and sorted. */
export function slices({ x, y, a, b, directions }: SlicedProblem) {
  const [onX, onY] = [projectAll(x, directions), projectAll(y, directions)];
  return onX.map((values, l) => [sortedLine(values, a), sortedLine(onY[l], b)] as const);
}

/** Both clouds projected on a direction and sorted. */
export const slice = ({ x, y, a, b }: SlicedProblem, direction: Float64Array) =>
  [sortedLine(project(x, direction), a), sortedLine(project(y, direction), b)] as const;

/** W_p to the power p along every direction. */
export function slicePowers(problem: SlicedProblem): number[] {
  const { x, y, a, b, directions, p } = problem;
  if (!isPlaceByPlace(a, b)) return slices(problem).map(([u, v]) => linePower(u, v, p));
  const [onX, onY] = [projectAll(x, directions), projectAll(y, directions)];
  return onX.map((u, l) => {
    const v = onY[l];
    sortAscending(u);
    sortAscending(v);
    return evenPower(u, v, a[0], p);
  });
}

/** The p-th root; the root of a rounding error below 0 is 0. */
export const orderRoot = (power: number, p: number): number =>
  p === 1 ? power : Math.max(power, 0) ** (1 / p);

/** Sliced Wasserstein distance of two clouds; see the overload with engine arrays in `weightspace/transport`. */
export function slicedWasserstein(
  x: Points,
  y: Points,
  options: SlicedOptions & { readonly log: true },
): SlicedLog;
export function slicedWasserstein(
  x: Points,
  y: Points,
  options?: SlicedOptions & { readonly log?: false },
): number;
/**
 * The sliced Wasserstein distance (mean over directions of W_p^p)^(1/p) between weighted clouds x [n, d] and y [m, d]: a number,
 * or with `log: true` a {@link SlicedLog}. A Monte Carlo estimate unless `projections` are the directions that are meant.
 * @throws {ShapeError} for empty clouds, dimensions that differ, misshapen weights or projections; {OptionError} for NaN, p below
 * 1, or weights that do not sum to 1.
 */
export function slicedWasserstein(
  x: Points,
  y: Points,
  options: SlicedOptions & { readonly log?: boolean } = {},
): number | SlicedLog {
  const problem = slicedProblem("slicedWasserstein", x, y, options);
  const projectedEmds = slicePowers(problem);
  const sum = projectedEmds.reduce((total, power) => total + power, 0);
  const value = orderRoot(finitePower("slicedWasserstein", sum / projectedEmds.length), problem.p);
  return options.log === true ? { value, projections: problem.projections, projectedEmds } : value;
}

/** A distance and its gradients with respect to the points of both clouds. */
export interface TransportGradient {
  /** The distance. */
  readonly value: number;
  /** The distance to the power of its order: what a loss should use, since the root has no derivative at 0. */
  readonly power: number;
  /** d value / d x: [n, d]. Zeros where the value is 0. */
  readonly x: Tensor;
  /** d value / d y: [m, d] */
  readonly y: Tensor;
}

/** d value / d power for value = power^(1/p); 0 at 0, the minimum, where there is none. */
export const rootDerivative = (power: number, p: number): number =>
  power > 0 ? power ** (1 / p - 1) / p : 0;

/**
 * The sliced Wasserstein distance with its gradient in closed form. Where two points share a projection the gradient is one of
 * several one-sided ones. @throws {ShapeError} @throws {OptionError} as {@link slicedWasserstein}
 */
export function slicedWassersteinGradient(
  x: Points,
  y: Points,
  options: SlicedOptions = {},
): TransportGradient {
  const problem = slicedProblem("slicedWassersteinGradient", x, y, options);
  const { directions, p } = problem;
  const { dimension } = problem.x;
  const pairs = slices(problem);
  const alongX = pairs.map(([u]) => new Float64Array(u.order.length));
  const alongY = pairs.map(([, v]) => new Float64Array(v.order.length));
  let sum = 0;
  for (const [l, [u, v]] of pairs.entries()) {
    const { pieces, i, j, mass } = coupleLines(u, v);
    const [ofX, ofY] = [alongX[l], alongY[l]];
    for (let at = 0; at < pieces; at++) {
      const gap = u.values[i[at]] - v.values[j[at]];
      sum += mass[at] * gapPower(gap, p);
      const derivative = mass[at] * gapDerivative(gap, p);
      ofX[i[at]] += derivative;
      ofY[j[at]] -= derivative;
    }
  }
  const power = finitePower("slicedWassersteinGradient", sum / directions.length);
  const factor = rootDerivative(power, p) / directions.length;
  const scaled = (along: readonly Float64Array[]) => {
    const data = pullBack(along, directions);
    for (let at = 0; at < data.length; at++) data[at] *= factor;
    return data;
  };
  return {
    value: orderRoot(power, p),
    power,
    x: { shape: [problem.x.size, dimension], data: scaled(alongX) },
    y: { shape: [problem.y.size, dimension], data: scaled(alongY) },
  };
}
