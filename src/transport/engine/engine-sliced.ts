// The sliced Wasserstein distance on engine arrays, under jit and grad; held to the float64 version by tests.

import { checkOptions, slicedNames } from "../option-names.ts";
import { numpy as np } from "@jax-js/jax";
import { ShapeError } from "../../core/errors.ts";
import { formatShape } from "../../core/shapes.ts";
import {
  constant,
  type EngineArray,
  engineRoot,
  fixed,
  magnitude,
  type Order,
  orderOf,
  reorder,
  runningSum,
  derivativeOf,
  withDerivatives,
} from "./engine-arrays.ts";
import { checkOrder, readWeights } from "../points.ts";
import { chooseDirections, type SlicedOptions } from "../sliced.ts";

/** What a sliced distance of arrays of the engine takes. */
export interface EngineSlicedOptions extends SlicedOptions {
  /** Returns the distance to the power p, which has a derivative at 0: the better loss. @default false */
  readonly power?: boolean;
}

/** @throws {ShapeError} unless both are [points, dimension] of one dimension */
export function checkEngineClouds(caller: string, x: EngineArray, y: EngineArray): void {
  for (const [name, { shape }] of [
    ["x", x],
    ["y", y],
  ] as const)
    if (shape.length !== 2 || shape[0] < 1 || shape[1] < 1)
      throw new ShapeError(
        `${caller}: ${name} has shape ${formatShape(shape)}, expected [points, dimension] with at least one of each`,
      );
  if (x.shape[1] !== y.shape[1])
    throw new ShapeError(
      `${caller}: x has dimension ${x.shape[1]} and y has dimension ${y.shape[1]}, expected the same`,
    );
}

interface Slice {
  /** Projections [directions, points], without gradient. */
  readonly values: EngineArray;
  readonly order: Order;
  readonly weights: Float64Array;
}

interface Coupled {
  readonly power: EngineArray;
  readonly derivatives: readonly EngineArray[];
}

/** Equal sizes and weights: the i-th smallest goes to the i-th smallest. */
function equalCoupling(u: Slice, v: Slice, p: number): Coupled {
  const [lines, size] = u.values.shape;
  const gap = np.subtract(reorder(u.values, u.order.order), reorder(v.values, v.order.order)); // [lines, size]
  const share = 1 / (lines * size);
  const derivative = np.multiply(derivativeOf(gap.ref, p), share);
  return {
    power: np.multiply(np.sum(magnitude(gap, p)), share),
    derivatives: [
      reorder(derivative.ref, u.order.rank),
      np.negative(reorder(derivative, v.order.rank)),
    ],
  };
}

/** Running sums of the weights in sorted order: [lines, size] */
function sortedWeights({ values, order, weights }: Slice): EngineArray {
  const [lines, size] = values.shape;
  const row = constant(weights, [1, size]);
  return runningSum(reorder(np.broadcastTo(row, [lines, size]), order.order.ref));
}

/** Derivatives of the pieces of a coupling, summed for every point. `ends` are the last pieces of the sorted points. */
function sumPieces(sums: EngineArray, ends: EngineArray, rank: EngineArray): EngineArray {
  const [lines, size] = ends.shape;
  const upTo = reorder(sums, ends);
  const before = np.pad(upTo.ref.slice([], [0, size - 1]), [
    [0, 0],
    [1, 0],
  ]);
  return reorder(np.subtract(upTo, before), rank).reshape([lines, size]);
}

/** Any sizes and weights: breaks of both quantile functions in one order cut the mass into pieces. */
function quantileCoupling(u: Slice, v: Slice, p: number): Coupled {
  const [lines, n] = u.values.shape;
  const m = v.values.shape[1];
  const breaks = np.concatenate([sortedWeights(u), sortedWeights(v)], 1); // [lines, n + m]
  const { order, rank } = orderOf(breaks.ref);
  const levels = reorder(breaks, order.ref);
  const before = np.pad(levels.ref.slice([], [0, n + m - 1]), [
    [0, 0],
    [1, 0],
  ]);
  const mass = np.subtract(levels, before);
  const isU = np.where(np.less(order, n), 1, 0).astype(np.float32);
  const upToU = np.round(np.subtract(runningSum(isU.ref), isU)); // breaks of u before each piece
  const place = np.broadcastTo(
    constant(
      Array.from({ length: n + m }, (_, k) => k),
      [1, n + m],
    ),
    [lines, n + m],
  );
  const upToV = np.subtract(place, upToU.ref);
  const pick = (slice: Slice, index: EngineArray, size: number) =>
    reorder(reorder(slice.values, slice.order.order), np.clip(index, 0, size - 1).astype(np.int32));
  const gap = np.subtract(pick(u, upToU, n), pick(v, upToV, m));
  const power = np.multiply(np.sum(np.multiply(mass.ref, magnitude(gap.ref, p))), 1 / lines);
  const derivative = np.multiply(np.multiply(mass, derivativeOf(gap, p)), 1 / lines);
  const sums = runningSum(derivative);
  return {
    power,
    derivatives: [
      sumPieces(sums.ref, rank.ref.slice([], [0, n]), u.order.rank),
      np.negative(sumPieces(sums, rank.slice([], [n, n + m]), v.order.rank)),
    ],
  };
}

const isUniform = (weights: Float64Array): boolean =>
  weights.every((weight) => Math.abs(weight * weights.length - 1) < 1e-12);

/**
 * The sliced Wasserstein distance of x [n, d] and y [m, d] as a scalar array, differentiable once in both. Weights and
 * projections are constants. NaN passes through, since values cannot be seen while tracing.
 * @consumes @throws {ShapeError} for shapes that do not fit; {OptionError} for p below 1 or weights that do not sum to 1
 */
export function engineSliced(
  x: EngineArray,
  y: EngineArray,
  options: EngineSlicedOptions = {},
): EngineArray {
  const caller = "slicedWasserstein";
  checkOptions(caller, options, [...slicedNames, "power"]);
  const { p = 2 } = options;
  checkOrder(caller, "p", p);
  checkEngineClouds(caller, x, y);
  const [n, dimension] = x.shape;
  const m = y.shape[0];
  const { projections } = chooseDirections(caller, dimension, options);
  const lines = projections[0].length;
  const a = readWeights(caller, "a", options.a, n);
  const b = readWeights(caller, "b", options.b, m);
  const directions = constant(projections.flat(), [dimension, lines]);
  const project = (cloud: EngineArray) => np.transpose(np.matmul(cloud, directions.ref));
  const [onX, onY] = [project(x), project(y)]; // [lines, points]
  directions.dispose();
  const slice = (values: EngineArray, weights: Float64Array): Slice => {
    const still = fixed(values.ref);
    return { values: still.ref, order: orderOf(still), weights };
  };
  const [u, v] = [slice(onX, a), slice(onY, b)];
  const couple = n === m && isUniform(a) && isUniform(b) ? equalCoupling : quantileCoupling;
  const { power, derivatives } = couple(u, v, p);
  const value = withDerivatives(power, [
    [derivatives[0], onX],
    [derivatives[1], onY],
  ]);
  return options.power === true ? value : engineRoot(value, p);
}
