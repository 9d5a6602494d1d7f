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
  sortedLines,
} from "./one-dimensional.ts";
import { checkOptions, slicedNames } from "./option-names.ts";
import { sortLines } from "./numeric/sort-lines.ts";
import { reuseSmall } from "./numeric/memory.ts";
import { project, projectClouds, pullBack } from "./numeric/projection.ts";
import type { DirectionMatrix } from "./numeric/projection-kernel.ts";
import {
  checkCount,
  checkOrder,
  type Cloud,
  type FiniteCheck,
  finitePower,
  type Points,
  readClouds,
  refuseNonFiniteClouds,
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
  /** The same as one array. */
  readonly directions: DirectionMatrix;
}

/** Directions of a call, given or drawn, as columns [dimension, nProjections]. */
export type Directions = Pick<SlicedProblem, "projections" | "directions">;

/** Copies numbers to a place of an array; false where one of them is not finite, or is none. */
function copyFinite(row: readonly unknown[], data: Float64Array, place: number): boolean {
  let odd = 0; // a number that is not finite, less itself, is NaN
  for (let j = 0; j < row.length; j++) {
    const value = row[j];
    if (typeof value !== "number") return false;
    odd += value - value;
    data[place + j] = value;
  }
  return odd === 0;
}

/** Directions from columns that a caller gave, in memory that may be used again. @throws {ShapeError} @throws {OptionError} */
function readProjections(
  caller: string,
  projections: readonly (readonly number[])[],
  dimension: number,
  memory: Float64Array[],
): Directions {
  if (!Array.isArray(projections))
    throw new ShapeError(
      `${caller}: projections is not a list of rows, expected [dimension][nProjections], one column a direction`,
    );
  const columns = projections[0]?.length ?? 0;
  if (
    projections.length !== dimension ||
    columns === 0 ||
    projections.some((row) => row.length !== columns)
  )
    throw new ShapeError(
      `${caller}: projections has ${projections.length} rows of ${columns} numbers, expected ${dimension} rows (the dimension of the points) and one column a direction`,
    );
  const data = reuseSmall(memory, 0, dimension * columns);
  for (const [i, row] of projections.entries()) {
    if (copyFinite(row, data, i * columns)) continue;
    const j = row.findIndex((value: unknown) => !Number.isFinite(value));
    throw new OptionError(
      `${caller}: projections has ${JSON.stringify(String(row[j]))} in row ${i}, column ${j}, expected finite numbers`,
    );
  }
  return { projections, directions: { dimension, count: columns, data } };
}

/** The directions of a call, given or drawn. @throws {ShapeError} @throws {OptionError} */
export function chooseDirections(
  caller: string,
  dimension: number,
  { nProjections = 50, projections, seed = 0 }: SlicedOptions,
  memory: Float64Array[] = [],
): Directions {
  if (projections !== undefined) return readProjections(caller, projections, dimension, memory);
  checkCount(caller, "nProjections", nProjections);
  checkCount(caller, "seed", seed, 0);
  const drawn = randomProjections(dimension, nProjections, seed);
  return readProjections(caller, drawn, dimension, memory);
}

/** All arguments checked and read; directions in memory that may be used again. @throws {ShapeError} @throws {OptionError} */
export function slicedProblem(
  caller: string,
  x: Points,
  y: Points,
  options: SlicedOptions,
  check: FiniteCheck = "now",
  memory: Float64Array[] = [],
): SlicedProblem {
  const { p = 2 } = options;
  checkOrder(caller, "p", p);
  const [first, second] = readClouds(caller, x, y, check);
  return {
    x: first,
    y: second,
    a: readWeights(caller, "a", options.a, first.size),
    b: readWeights(caller, "b", options.b, second.size),
    p,
    ...chooseDirections(caller, first.dimension, options, memory),
  };
}

/** Both clouds projected on every direction and sorted. */
export function slices({ x, y, a, b, directions }: SlicedProblem) {
  const [onX, onY] = projectClouds([x, y], directions);
  const ofY = sortedLines(onY, b);
  return sortedLines(onX, a).map((line, l) => [line, ofY[l]] as const);
}

/** Both clouds projected on a direction and sorted. */
export const slice = ({ x, y, a, b }: SlicedProblem, direction: Float64Array) =>
  [sortedLine(project(x, direction), a), sortedLine(project(y, direction), b)] as const;

/** Projections of the last call of {@link slicePowers}, and directions of that of {@link slicedWasserstein}. */
const [lineMemory, directionMemory]: Float64Array[][] = [[], []];

/** W_p to the power p along every direction. */
export function slicePowers(problem: SlicedProblem): number[] {
  const { x, y, a, b, directions, p } = problem;
  if (!isPlaceByPlace(a, b)) return slices(problem).map(([u, v]) => linePower(u, v, p));
  const [onX, onY] = projectClouds([x, y], directions, lineMemory);
  sortLines([...onX, ...onY]);
  return onX.map((u, l) => evenPower(u, onY[l], a[0], p));
}

/** Powers along every direction, in units in which numbers hold their mean. */
export interface MeasuredPowers {
  readonly powers: readonly number[];
  /** The length that the powers are in units of; 1 unless their mean would be 0 or infinite. */
  readonly unit: number;
}

/** Means from here to infinity keep their digits. */
export const leastPower = 1e-280;

/** The largest way along any direction, whose power numbers hold in units of itself; 1 where nothing moves, or too far. */
function largestGap(pairs: ReturnType<typeof slices>): number {
  let largest = 0;
  for (const [u, v] of pairs) {
    const { pieces, i, j } = coupleLines(u, v);
    for (let at = 0; at < pieces; at++)
      largest = Math.max(largest, Math.abs(u.values[i[at]] - v.values[j[at]]));
  }
  return largest > 0 && largest < Infinity ? largest : 1;
}

/** The mean of powers. */
export const meanOf = (powers: readonly number[]): number =>
  powers.reduce((total, power) => total + power, 0) / powers.length;

/** W_p to the power p along every direction, where numbers hold it, else in units of the largest way. */
export function measureSlices(problem: SlicedProblem): MeasuredPowers {
  const powers = slicePowers(problem);
  const mean = meanOf(powers);
  if (mean >= leastPower && mean < Infinity) return { powers, unit: 1 };
  const pairs = slices(problem);
  const unit = largestGap(pairs);
  return { powers: pairs.map(([u, v]) => linePower(u, v, problem.p, unit)), unit };
}

/** Powers in units of 1. @throws {OptionError} where one overflows */
export const plainPowers = (caller: string, { powers, unit }: MeasuredPowers, p: number) =>
  unit === 1 ? powers : powers.map((power) => finitePower(caller, power * unit ** p));

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
  const caller = "slicedWasserstein";
  checkOptions(caller, options, slicedNames);
  // A point of a weight above 0 that is not finite is so along every direction: without weights it shows in the mean.
  const check = options.a === undefined && options.b === undefined ? "later" : "now";
  const problem = slicedProblem(caller, x, y, options, check, directionMemory);
  const { p, projections } = problem;
  const measured = measureSlices(problem);
  const mean = meanOf(measured.powers);
  if (!Number.isFinite(mean)) refuseNonFiniteClouds(caller, problem.x, problem.y);
  const value = measured.unit * orderRoot(finitePower(caller, mean), p);
  if (options.log !== true) return value;
  return { value, projections, projectedEmds: plainPowers(caller, measured, p) };
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
  const caller = "slicedWassersteinGradient";
  checkOptions(caller, options, slicedNames);
  const problem = slicedProblem(caller, x, y, options);
  const { directions, p } = problem;
  const { dimension } = problem.x;
  const pairs = slices(problem);
  const alongX = pairs.map(([u]) => new Float64Array(u.order.length));
  const alongY = pairs.map(([, v]) => new Float64Array(v.order.length));
  /** Derivatives by projection; the mean power, both in units of a length. */
  const derive = (unit: number): number => {
    let sum = 0;
    for (const [l, [u, v]] of pairs.entries()) {
      const { pieces, i, j, mass } = coupleLines(u, v);
      const [ofX, ofY] = [alongX[l].fill(0), alongY[l].fill(0)];
      for (let at = 0; at < pieces; at++) {
        const gap = (u.values[i[at]] - v.values[j[at]]) / unit;
        sum += mass[at] * gapPower(gap, p);
        const derivative = mass[at] * gapDerivative(gap, p);
        ofX[i[at]] += derivative;
        ofY[j[at]] -= derivative;
      }
    }
    return sum / directions.count;
  };
  let [unit, mean] = [1, derive(1)];
  if (!(mean >= leastPower && mean < Infinity)) {
    unit = largestGap(pairs);
    if (unit !== 1) mean = derive(unit);
  }
  const power = finitePower(caller, unit === 1 ? mean : mean * unit ** p);
  const factor = rootDerivative(mean, p) / directions.count;
  const scaled = (along: readonly Float64Array[]) => {
    const data = pullBack(along, directions);
    for (let at = 0; at < data.length; at++) data[at] *= factor;
    return data;
  };
  return {
    value: unit * orderRoot(mean, p),
    power,
    x: { shape: [problem.x.size, dimension], data: scaled(alongX) },
    y: { shape: [problem.y.size, dimension], data: scaled(alongY) },
  };
}
