// Exact optimal transport on the line: monotone coupling of sorted points, any order p >= 1, any weights.

import { checkOptions } from "./option-names.ts";
import { ShapeError } from "../core/errors.ts";
import { checkOrder, readPoints, readWeights } from "./points.ts";
import { sortOrderOf, sortOrders } from "./numeric/sort-lines.ts";

/** Points on a line with their weights and the order that sorts them. */
export interface SortedLine {
  readonly values: Float64Array;
  readonly weights: Float64Array;
  readonly order: Int32Array;
}

export const sortedLine = (values: Float64Array, weights: Float64Array): SortedLine => ({
  values,
  weights,
  order: sortOrderOf(values),
});

/** Lines of points with one weight each, and the order that sorts each of them. */
export function sortedLines(lines: readonly Float64Array[], weights: Float64Array): SortedLine[] {
  const orders = sortOrders(lines);
  return lines.map((values, l) => ({ values, weights, order: orders[l] }));
}

/** The monotone coupling piece by piece: `mass` goes from place `i` of the one unsorted array to place `j` of the other. */
export interface Coupling {
  readonly pieces: number;
  /** At least [pieces], like the two below. */
  readonly i: Int32Array;
  readonly j: Int32Array;
  readonly mass: Float64Array;
}

/** Whether all weights are the same number. */
export function areEven(weights: Float64Array): boolean {
  for (let i = 1; i < weights.length; i++) if (weights[i] !== weights[0]) return false;
  return true;
}

/** Whether the coupling is place by place: as many points on both lines, all of one weight. */
export const isPlaceByPlace = (a: Float64Array, b: Float64Array): boolean =>
  a.length === b.length && a[0] === b[0] && areEven(a) && areEven(b);

export function coupleLines(u: SortedLine, v: SortedLine): Coupling {
  if (isPlaceByPlace(u.weights, v.weights))
    return { pieces: u.order.length, i: u.order, j: v.order, mass: u.weights };
  const maxPieces = u.order.length + v.order.length;
  const [from, to, moved] = [
    new Int32Array(maxPieces),
    new Int32Array(maxPieces),
    new Float64Array(maxPieces),
  ];
  let pieces = 0;
  let [i, j] = [0, 0];
  let leftU = u.weights[u.order[0]];
  let leftV = v.weights[v.order[0]];
  for (;;) {
    const mass = Math.min(leftU, leftV);
    if (mass > 0) {
      from[pieces] = u.order[i];
      to[pieces] = v.order[j];
      moved[pieces++] = mass;
    }
    const [endU, endV] = [leftU === mass, leftV === mass];
    leftU -= mass;
    leftV -= mass;
    if (endU) {
      if (++i === u.order.length) break;
      leftU = u.weights[u.order[i]];
    }
    if (endV) {
      if (++j === v.order.length) break;
      leftV = v.weights[v.order[j]];
    }
  }
  return { pieces, i: from, j: to, mass: moved };
}

/** |gap|^p, without a power where p is 1 or 2. */
export const gapPower = (gap: number, p: number): number =>
  p === 1 ? Math.abs(gap) : p === 2 ? gap * gap : Math.abs(gap) ** p;

/** The derivative of |gap|^p; 0 at 0. */
export const gapDerivative = (gap: number, p: number): number =>
  p === 1 ? Math.sign(gap) : p === 2 ? 2 * gap : p * Math.sign(gap) * Math.abs(gap) ** (p - 1);

/** W_p^p of two sorted lines, in units of a length. */
export function linePower(u: SortedLine, v: SortedLine, p: number, unit = 1): number {
  const { pieces, i, j, mass } = coupleLines(u, v);
  let sum = 0;
  for (let at = 0; at < pieces; at++)
    sum += mass[at] * gapPower((u.values[i[at]] - v.values[j[at]]) / unit, p);
  return sum;
}

/** W_p^p of as many values, sorted, each of the same weight. */
export function evenPower(u: Float64Array, v: Float64Array, weight: number, p: number): number {
  let sum = 0;
  for (let at = 0; at < u.length; at++) sum += weight * gapPower(u[at] - v[at], p);
  return sum;
}

/** Options of {@link wasserstein1d}, named as in POT. */
export interface Wasserstein1dOptions {
  /** Weights of `u`, which sum to 1. @default uniform */
  readonly a?: ArrayLike<number>;
  /** Weights of `v`, which sum to 1. @default uniform */
  readonly b?: ArrayLike<number>;
  /** Order. @default 1 */
  readonly p?: number;
}

/**
 * Exact optimal transport between points on a line: W_p to the power p, as POT's `wasserstein_1d` returns it.
 * @throws {ShapeError} for empty lists or another number of weights; {OptionError} for NaN, p below 1, or weights that do not
 * sum to 1.
 */
export function wasserstein1d(
  u: ArrayLike<number>,
  v: ArrayLike<number>,
  options: Wasserstein1dOptions = {},
): number {
  const caller = "wasserstein1d";
  checkOptions(caller, options, ["a", "b", "p"]);
  const { a, b, p = 1 } = options;
  checkOrder(caller, "p", p);
  const read = (name: string, values: ArrayLike<number>) => {
    if (!(values?.length > 0))
      throw new ShapeError(`${caller}: ${name} is empty, expected a list of numbers`);
    const shape = [values.length, 1];
    return readPoints(caller, name, { shape, data: Float64Array.from(values) }).data;
  };
  const [valuesU, valuesV] = [read("u", u), read("v", v)];
  return linePower(
    sortedLine(valuesU, readWeights(caller, "a", a, valuesU.length)),
    sortedLine(valuesV, readWeights(caller, "b", b, valuesV.length)),
    p,
  );
}
