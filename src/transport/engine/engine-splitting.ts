// Coordinates and shares of points on engine arrays, by two products and no array of (trees, lines, points, dimension).

import { numpy as np } from "@jax-js/jax";
import { constant, type EngineArray, fixed } from "./engine-arrays.ts";
import type { ConstantSplitting, DistanceSplitting } from "../splitting.ts";

/** Shares from a differentiable function of the points [n + m, d]: [trees, lines, n + m], which sum to 1 over lines. */
export interface MapSplitting {
  readonly kind: "map";
  readonly shares: (points: EngineArray) => EngineArray;
}

/** Trees as constants: their lines follow one another. */
export interface TreeBatch {
  readonly trees: number;
  readonly lines: number;
  /** [trees * lines, d] */
  readonly theta: readonly number[];
  /** [trees * lines, d], relative to nothing: the centre of the points is taken off later. */
  readonly source: readonly number[];
  /** For every line, coordinates of its children's sources: [trees, lines, most children] */
  readonly positions: readonly number[];
  readonly maxChildren: number;
  readonly parent: readonly number[];
}

/** The sum of squares of a rounding error: below it a squared distance, got by subtracting, is none. */
const squareRounding = 4e-7;

/** Shares of mass by line, as arrays of the engine. */
export interface EngineShares {
  /** [trees * lines, points] */
  readonly coordinates: EngineArray;
  /** [trees, lines, points] */
  readonly shares: EngineArray;
}

/** Inner products of every row of [a, d] with every row of [b, d]: [a, b]. @consumes */
const innerProducts = (a: EngineArray, b: EngineArray): EngineArray =>
  np.matmul(a, np.transpose(b));

const squaredLengths = (rows: EngineArray): EngineArray => np.sum(np.square(rows), 1);

/** The square root with derivative 0 where its argument is at most `smallest`. @consumes */
function safeRoot(values: EngineArray, smallest: EngineArray): EngineArray {
  const isAbove = np.greater(values.ref, smallest);
  const safe = np.where(isAbove.ref, values, 1);
  return np.where(isAbove, np.sqrt(safe), 0);
}

/** softmax over the second axis of [trees, lines, points]. @consumes */
function softmaxOverLines(scores: EngineArray): EngineArray {
  const highest = fixed(np.max(scores.ref, 1, { keepdims: true }));
  const weights = np.exp(np.subtract(scores, highest));
  const sum = np.sum(weights.ref, 1, { keepdims: true });
  return np.divide(weights, sum);
}

/** The limits of infinite delta: equal shares of the nearest lines, or the farthest. @consumes */
function nearestLines(scores: EngineArray): EngineArray {
  const still = fixed(scores);
  const highest = np.max(still.ref, 1, { keepdims: true });
  const isBest = np.where(np.greaterEqual(still, highest), 1, 0).astype(np.float32);
  const sum = np.sum(isBest.ref, 1, { keepdims: true });
  return np.divide(isBest, sum);
}

/** Above it delta is as good as infinite: products with distances would not fit into 32 bits. */
const largestFactor = 1e30;

function distanceShares(
  { trees, lines }: TreeBatch,
  { delta, unit = 1 }: DistanceSplitting,
  distances: EngineArray,
): EngineArray {
  const size = distances.shape[1];
  const cube = distances.reshape([trees, lines, size]);
  const factor = delta / unit;
  if (Math.abs(factor) > largestFactor) return nearestLines(np.multiply(cube, -Math.sign(delta)));
  return softmaxOverLines(np.multiply(cube, -factor));
}

/** Coordinates and shares of points [points, d]. Points are centred first, so that 32 bits suffice far from 0. @consumes */
export function engineShares(
  batch: TreeBatch,
  splitting: ConstantSplitting | DistanceSplitting | MapSplitting,
  points: EngineArray,
): EngineShares {
  const { trees, lines } = batch;
  const [size, dimension] = points.shape;
  const theta = constant(batch.theta, [trees * lines, dimension]);
  const centre = fixed(np.mean(points.ref, 0, { keepdims: true })); // [1, d]
  const source = np.subtract(constant(batch.source, [trees * lines, dimension]), centre.ref);
  const centred = np.subtract(points.ref, centre);
  const start = np.sum(np.multiply(theta.ref, source.ref), 1, { keepdims: true });
  const coordinates = np.subtract(innerProducts(theta, centred.ref), start); // [trees * lines, points]
  if (splitting.kind === "map") {
    source.dispose();
    centred.dispose();
    return { coordinates, shares: splitting.shares(points) };
  }
  points.dispose();
  if (splitting.kind === "constant") {
    source.dispose();
    centred.dispose();
    const shares = splitting.shares ?? Array.from({ length: lines }, () => 1 / lines);
    const row = constant(shares, [1, lines, 1]);
    return { coordinates, shares: np.broadcastTo(row, [trees, lines, size]) };
  }
  const lengths = squaredLengths(centred.ref).reshape([1, size]);
  const starts = squaredLengths(source.ref).reshape([trees * lines, 1]);
  const both = np.add(lengths, starts); // [trees * lines, points]
  const fromSource = np.subtract(both.ref, np.multiply(innerProducts(source, centred), 2));
  if (dimension === 1) {
    both.dispose();
    fromSource.dispose();
    const none = np.zeros([trees * lines, size]); // every point lies on every line
    return { coordinates, shares: distanceShares(batch, splitting, none) };
  }
  const squares = np.subtract(fromSource, np.square(coordinates.ref));
  const distances = safeRoot(squares, fixed(np.multiply(both, squareRounding)));
  return { coordinates, shares: distanceShares(batch, splitting, distances) };
}
