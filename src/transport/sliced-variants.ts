// Relatives of the sliced distance: the lower control variate estimate (Nguyen and Ho 2023), min-SWGG (Mahey et al. 2023), and
// the exact energy distance (Szekely and Rizzo), which is the order-2 sliced form without slices.

import { checkOptions, slicedNames } from "./option-names.ts";
import { coupleLines, gapPower } from "./one-dimensional.ts";
import { directionRows } from "./numeric/projection.ts";
import { type Cloud, finitePower, type Points, readClouds, readWeights } from "./points.ts";
import {
  leastPower,
  measureSlices,
  orderRoot,
  plainPowers,
  slice,
  slicedProblem,
  type SlicedLog,
  type SlicedOptions,
  type SlicedProblem,
} from "./sliced.ts";

/** What `slicedWassersteinLCV` returns with `log: true`. */
export interface ControlVariateLog extends SlicedLog {
  /** Factor of the control variate. */
  readonly coefficient: number;
  /** The plain mean over directions, to the power p. */
  readonly plainPower: number;
}

function weightedMean({ size, dimension, data }: Cloud, weights: Float64Array): Float64Array {
  const mean = new Float64Array(dimension);
  for (let i = 0; i < size; i++)
    for (let j = 0; j < dimension; j++) mean[j] += weights[i] * data[i * dimension + j];
  return mean;
}

/** @see slicedWassersteinLCV below */
export function slicedWassersteinLCV(
  x: Points,
  y: Points,
  options: SlicedOptions & { readonly log: true },
): ControlVariateLog;
export function slicedWassersteinLCV(
  x: Points,
  y: Points,
  options?: SlicedOptions & { readonly log?: false },
): number;
/**
 * The sliced distance estimated with less variance: the squared projections of the difference of means, whose mean over the sphere is
 * known, are a control variate. Only for directions drawn uniformly; given `projections` must be unit vectors.
 * @throws {ShapeError} @throws {OptionError} as `slicedWasserstein`
 */
export function slicedWassersteinLCV(
  x: Points,
  y: Points,
  options: SlicedOptions & { readonly log?: boolean } = {},
): number | ControlVariateLog {
  const caller = "slicedWassersteinLCV";
  checkOptions(caller, options, slicedNames);
  const problem = slicedProblem(caller, x, y, options);
  const { directions, p, projections } = problem;
  const measured = measureSlices(problem);
  const { powers, unit } = measured;
  const [meanX, meanY] = [weightedMean(problem.x, problem.a), weightedMean(problem.y, problem.b)];
  const meanGap = meanX.map((value, j) => (value - meanY[j]) / unit);
  const controls = directionRows(directions).map(
    (v) => v.reduce((sum, c, j) => sum + c * meanGap[j], 0) ** 2,
  );
  const known = meanGap.reduce((sum, c) => sum + c * c, 0) / meanGap.length;
  const mean = (list: readonly number[]) => list.reduce((sum, v) => sum + v, 0) / list.length;
  const [powerMean, controlMean] = [mean(powers), mean(controls)];
  const covariance = mean(controls.map((c, l) => (c - controlMean) * powers[l]));
  const variance = mean(controls.map((c) => (c - controlMean) ** 2));
  const coefficient = variance > 0 ? covariance / variance : 0;
  const power = finitePower(caller, powerMean - coefficient * (controlMean - known));
  const value = unit * orderRoot(Math.max(power, 0), p);
  if (options.log !== true) return value;
  const projectedEmds = plainPowers(caller, measured, p);
  return { value, projections, projectedEmds, coefficient, plainPower: mean(projectedEmds) };
}

/** A transport plan read off one direction, and its cost in the full space. */
export interface SlicedPlan {
  /** Sum over pairs of mass times |x_i - y_j|^p, an upper bound of W_p^p. */
  readonly cost: number;
  /** Number of the direction. */
  readonly projection: number;
  /** Pairs [i, j, mass]. */
  readonly plan: readonly (readonly [number, number, number])[];
}

function planOf(problem: SlicedProblem, direction: Float64Array, projection: number): SlicedPlan {
  const { x, y, p } = problem;
  const { pieces, i, j, mass } = coupleLines(...slice(problem, direction));
  let cost = 0;
  for (let at = 0; at < pieces; at++) cost += mass[at] * gapPower(distance(x, i[at], y, j[at]), p);
  const plan = Array.from({ length: pieces }, (_, at) => [i[at], j[at], mass[at]] as const);
  return { cost, projection, plan };
}

function distance(x: Cloud, i: number, y: Cloud, j: number): number {
  let squares = 0;
  for (let k = 0; k < x.dimension; k++)
    squares += (x.data[i * x.dimension + k] - y.data[j * y.dimension + k]) ** 2;
  return squares > leastPower && squares < Infinity
    ? Math.sqrt(squares)
    : distanceInUnits(x, i, y, j);
}

/** The distance in units of the largest difference, where squares underflow or overflow. */
function distanceInUnits(x: Cloud, i: number, y: Cloud, j: number): number {
  let [largest, squares] = [0, 0];
  const gap = (k: number) => x.data[i * x.dimension + k] - y.data[j * y.dimension + k];
  for (let k = 0; k < x.dimension; k++) largest = Math.max(largest, Math.abs(gap(k)));
  if (largest === 0 || largest === Infinity) return largest;
  for (let k = 0; k < x.dimension; k++) squares += (gap(k) / largest) ** 2;
  return largest * Math.sqrt(squares);
}

/**
 * min-SWGG: of the plans that sort along each direction, the cheapest in the full space. Its cost bounds W_p^p from above.
 * @throws {ShapeError} @throws {OptionError} as `slicedWasserstein`
 */
export function minSlicedTransportPlan(
  x: Points,
  y: Points,
  options: SlicedOptions = {},
): SlicedPlan {
  const caller = "minSlicedTransportPlan";
  checkOptions(caller, options, slicedNames);
  const problem = slicedProblem(caller, x, y, options);
  const plans = directionRows(problem.directions).map((direction, l) =>
    planOf(problem, direction, l),
  );
  const best = plans.reduce((a, b) => (b.cost < a.cost ? b : a));
  finitePower(caller, best.cost);
  return best;
}

function meanDistance(x: Cloud, a: Float64Array, y: Cloud, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.size; i++)
    for (let j = 0; j < y.size; j++) sum += a[i] * b[j] * distance(x, i, y, j);
  return sum;
}

/**
 * The energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| of two weighted clouds, exact, at a cost of (n + m)^2 d. It is a squared
 * metric. @throws {ShapeError} @throws {OptionError} as `slicedWasserstein`
 */
export function energyDistance(
  x: Points,
  y: Points,
  options: Pick<SlicedOptions, "a" | "b"> = {},
): number {
  const caller = "energyDistance";
  checkOptions(caller, options, ["a", "b"]);
  const [first, second] = readClouds(caller, x, y);
  const a = readWeights(caller, "a", options.a, first.size);
  const b = readWeights(caller, "b", options.b, second.size);
  const value =
    2 * meanDistance(first, a, second, b) -
    meanDistance(first, a, first, a) -
    meanDistance(second, b, second, b);
  return Math.max(finitePower(caller, value), 0);
}
