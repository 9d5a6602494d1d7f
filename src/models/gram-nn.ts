// The Gram functional: what tensors that share an axis have in common. Every tensor gives every axis it stands on a Gram matrix (what
// the axis's entries have in common in it); read are how these matrices overlap, their spectra, and seven statistics of every tensor.

import { numpy as np, tree } from "@jax-js/jax";
import { OptionError } from "../core/errors.ts";
import { sizeOf } from "../core/shapes.ts";
import { concatenateAll } from "../layers/pointwise/concatenate.ts";
import { type AxisExpression, formatAxisExpression } from "../symmetry/expression.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { flattenTensors } from "./flatten.ts";
import type { Model, VectorModel, WeightBatch } from "./model.ts";
import { statisticsPerTensor, type StatNNOptions, weightStatistics } from "./stat-nn.ts";
import { vectorModel } from "./vector-model.ts";

/** A dimension of a tensor, by name and place. */
interface Side {
  readonly tensor: string;
  readonly dim: number;
}

/** All dimensions that are permuted alike, of one size. */
interface SharedAxis {
  readonly size: number;
  readonly sides: readonly Side[];
}

/** Logarithms are taken of numbers plus this: what is smaller counts as nothing. */
const floor = 1e-4;

/** The longest dimension whose Gram matrices are formed: 64 MB each. */
const longest = 4096;

/** Whether anything but fixed blocks stands in a dimension. */
const namesAxes = (expression: AxisExpression): boolean => {
  switch (expression.kind) {
    case "axis":
      return true;
    case "block":
      return false;
    case "product":
      return expression.factors.some(namesAxes);
    default:
      return expression.terms.some(namesAxes);
  }
};

/** Dimensions larger than 1 by what stands in them, inverses aside; a mere block is an axis of its own. */
function sharedAxes(spec: SymmetrySpec): SharedAxis[] {
  const found = new Map<string, { size: number; sides: Side[] }>();
  for (const [tensor, { shape, axes }] of Object.entries(spec.tensors))
    for (const [dim, size] of shape.entries()) {
      if (size === 1) continue;
      const written = formatAxisExpression(axes[dim]).replaceAll(/\^(?:-1|0)/g, "");
      const key = namesAxes(axes[dim]) ? written : `${tensor} ${dim}`;
      const axis = found.get(key) ?? { size, sides: [] };
      axis.sides.push({ tensor, dim });
      found.set(key, axis);
    }
  return [...found.values()];
}

/** Pairs (i, j >= i) of sides whose overlap says something: that of a vector's Gram matrix with itself is 1. */
const pairsOf = (isMatrix: readonly boolean[]): (readonly [number, number])[] =>
  isMatrix.flatMap((matrix, i) =>
    isMatrix.slice(i).flatMap((_, j) => (j > 0 || matrix ? [[i, i + j] as const] : [])),
  );

/** log(x + floor). @consumes */
const logarithm = (x: np.Array): np.Array => np.log(np.add(x, floor));

/** Inner products of rows [batch, k, width], pair by pair: [batch, pairs]. @consumes */
function pairProducts(rows: np.Array, pairs: readonly (readonly [number, number])[]): np.Array {
  const [batch, k] = rows.shape;
  const picks = new Float32Array(k * k * pairs.length);
  for (const [at, [i, j]] of pairs.entries()) picks[(i * k + j) * pairs.length + at] = 1;
  const products = np.matmul(rows.ref, np.transpose(rows, [0, 2, 1])); // [batch, k, k]
  return np.matmul(
    products.reshape([batch, k * k]),
    np.array(picks).reshape([k * k, pairs.length]),
  );
}

/** Rows [batch, n, rest] of a tensor along one of its dimensions. @keeps x */
function rowsAlong(x: np.Array, dim: number): np.Array {
  const [batch, ...shape] = x.shape;
  const others = shape.map((_, i) => i + 1).filter((i) => i !== dim + 1);
  const rest = sizeOf(others.map((i) => x.shape[i]));
  return np.transpose(x.ref, [0, dim + 1, ...others]).reshape([batch, shape[dim], rest]);
}

/** Weights [batch, entries] by their largest of each network, so that no square overflows, and that: [batch, 1]. @consumes */
function byLargest(flat: np.Array): readonly [np.Array, np.Array] {
  const largest = np.max(np.abs(flat.ref), 1, { keepdims: true });
  const safe = np.where(np.greater(largest.ref, 0), largest.ref, 1);
  return [np.divide(flat, safe), largest];
}

/** The Gram matrix of rows [batch, n, rest] with a trace of 1, or all zeros: [batch, n, n]. @consumes */
function gramOf(rows: np.Array): np.Array {
  const trace = np.sum(np.square(rows.ref), [1, 2], { keepdims: true });
  const safe = np.where(np.greater(trace.ref, 0), trace, 1);
  return np.divide(np.matmul(rows.ref, np.transpose(rows, [0, 2, 1])), safe);
}

/** Third and fourth moments of a spectrum with mean 1 / n, in parts of what equal values would have: [batch, 2]. @keeps gram */
function spectralMoments(gram: np.Array): np.Array {
  const [batch, n] = gram.shape;
  const squared = np.matmul(gram.ref, gram.ref);
  const third = np.multiply(np.sum(np.multiply(squared.ref, gram.ref), [1, 2]), n ** 2);
  const fourth = np.multiply(np.sum(np.square(squared), [1, 2]), n ** 3);
  return np.concatenate([third.reshape([batch, 1]), fourth.reshape([batch, 1])], 1);
}

/** What the tensors on one axis have in common: [batch, numbers]. @keeps weights */
function readAxis({ size: n, sides }: SharedAxis, weights: WeightBatch): np.Array {
  const grams = sides.map(({ tensor, dim }) => gramOf(rowsAlong(weights[tensor], dim)));
  const [batch] = grams[0].shape;
  const isMatrix = sides.map(({ tensor }) => weights[tensor].shape.length > 2);
  const moments = grams.filter((_, i) => isMatrix[i]).map(spectralMoments);
  const means = grams.map((gram) => np.sum(gram.ref, [1, 2]).reshape([batch, 1]));
  const stacked = np.stack(grams, 1); // [batch, sides, n, n]
  const diagonals = np.sum(np.multiply(stacked.ref, np.eye(n)), 3); // [batch, sides, n]
  const whole = stacked.reshape([batch, sides.length, n * n]);
  const pairs = pairsOf(isMatrix);
  const own = sides.flatMap((_, i) => (isMatrix[i] ? [] : [[i, i] as const]));
  const overlaps = [
    ...(pairs.length > 0 ? [pairProducts(whole, pairs)] : (whole.dispose(), [])),
    pairProducts(diagonals, [...pairs, ...own]),
  ].map((products) => np.multiply(products, n));
  return logarithm(concatenateAll([...moments, ...means, ...overlaps], 1));
}

/** How many numbers {@link readAxis} gives. */
function widthOf(spec: SymmetrySpec, { sides }: SharedAxis): number {
  const isMatrix = sides.map(({ tensor }) => spec.tensors[tensor].shape.length > 1);
  const matrices = isMatrix.filter(Boolean).length;
  const pairs = pairsOf(isMatrix).length;
  return 2 * matrices + sides.length + 2 * pairs + (sides.length - matrices);
}

/** A tensor's root mean square, as a logarithm: [batch, 1]. @consumes */
const logSize = (scaled: np.Array, largest: np.Array): np.Array =>
  logarithm(np.multiply(np.sqrt(np.mean(np.square(scaled), 1, { keepdims: true })), largest));

/** From here on asinh(x) is log(2 x) to the digits of float32, and x squared may overflow. */
const large = 1e4;

/** asinh of any number. @consumes */
function inverseSinh(x: np.Array): np.Array {
  const size = np.abs(x.ref);
  const small = np.asinh(np.minimum(size.ref, large));
  const far = np.log(np.maximum(size.ref, large));
  return np.multiply(np.sign(x), np.where(np.less(size, large), small, np.add(far, Math.LN2)));
}

/** asinh of every weight, as statistics of other models are read from: new arrays. @keeps weights */
const compressed = (weights: WeightBatch): WeightBatch =>
  Object.fromEntries(Object.entries(weights).map(([name, w]) => [name, inverseSinh(w.ref)]));

/**
 * A dense network on {@link weightStatistics} of every tensor, its size, and on Gram matrices: for every axis, overlaps
 * tr(G H) of the Gram matrices of all tensors on it and of their diagonals, tr(G^3), tr(G^4), and the share of their mean direction,
 * each as a logarithm. Invariant under reorderings; scales and bases move it. Time and memory grow with the square of the largest
 * dimension. Weights come divided by one number a tensor, not compressed.
 * @throws {OptionError} for impossible sizes, and for a dimension of more than 4,096 entries
 */
export function gramNN(
  spec: SymmetrySpec,
  { name = "gram-nn", head = [128, 128, 1], dropout = 0 }: StatNNOptions = {},
): Model {
  const axes = sharedAxes(spec);
  for (const { size, sides } of axes)
    if (size > longest)
      throw new OptionError(
        `${name}: "${sides[0].tensor}" has a dimension of ${size} entries, expected at most ${longest}, as a matrix of all pairs is made of it; use stat-nn or unf`,
      );
  const tensors = Object.keys(spec.tensors).length;
  const ofAxes = axes.reduce((sum, axis) => sum + widthOf(spec, axis), 0);
  const width = tensors * (statisticsPerTensor + 1) + ofAxes;
  const read: VectorModel["read"] = (weights) => {
    const statistics = weightStatistics(spec, compressed(weights)); // refuses what does not fit
    const pairs = flattenTensors(spec, weights).map(byLargest);
    const sizes = pairs.map(([values, largest]) => logSize(values.ref, largest));
    const scaled = Object.fromEntries(
      Object.entries(spec.tensors).map(([tensor, { shape }], i) => {
        const [values] = pairs[i];
        return [tensor, values.reshape([values.shape[0], ...shape])] as const;
      }),
    );
    const shared = axes.map((axis) => readAxis(axis, scaled));
    tree.dispose(scaled);
    return concatenateAll([statistics, ...sizes, ...shared], 1);
  };
  return vectorModel(spec, width, { name, head, dropout }, read);
}
