// StatNN (Unterthiner et al. 2020): seven statistics of every tensor, then a dense network; and the linear model on the
// same statistics. Variance stands in for the standard deviation, as in the ports used by NFN and UNF.

import { numpy as np } from "@jax-js/jax";
import { concatenateAll } from "../layers/pointwise/concatenate.ts";
import { sizeOf } from "../core/shapes.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { flattenTensors } from "./flatten.ts";
import type { Model, WeightBatch } from "./model.ts";
import { vectorModel } from "./vector-model.ts";

/** Statistics per tensor: mean, variance and the quantiles 0, 25, 50, 75 and 100 percent. */
export const statisticsPerTensor = 7;

/** Rows of linear interpolation that read the five quantiles off sorted values: [entries, 5]. */
function quantileMatrix(entries: number): Float32Array<ArrayBuffer> {
  const matrix = new Float32Array(entries * 5);
  for (let q = 0; q < 5; q++) {
    const place = (q / 4) * (entries - 1);
    const below = Math.floor(place);
    const above = Math.min(entries - 1, below + 1);
    matrix[below * 5 + q] += 1 - (place - below);
    matrix[above * 5 + q] += place - below;
  }
  return matrix;
}

/** [batch, tensors * 7]. @consumes */
export function weightStatistics(spec: SymmetrySpec, weights: WeightBatch): np.Array {
  const statistics = flattenTensors(spec, weights).map((x) => {
    const [batch, entries] = x.shape;
    const mean = np.mean(x.ref, 1, { keepdims: true }); // [batch, 1]
    const variance = np.var_(x.ref, 1, { keepdims: true });
    const picked = np.matmul(
      np.sort(x, 1),
      np.array(quantileMatrix(entries)).reshape([entries, 5]),
    );
    return np.reshape(np.concatenate([mean, variance, picked], 1), [batch, statisticsPerTensor]);
  });
  return concatenateAll(statistics, 1);
}

const statistics = ["mean", "variance", "minimum", "quartile 1", "median", "quartile 3", "maximum"];

/** Names of {@link weightStatistics}, in their order: `conv1.weight mean`. */
export const statisticNames = (spec: SymmetrySpec): string[] =>
  Object.keys(spec.tensors).flatMap((tensor) => statistics.map((name) => `${tensor} ${name}`));

/** The shape of a functional on statistics. */
export interface StatNNOptions {
  readonly name?: string;
  /** Hidden and output sizes. @default [128, 128, 1] */
  readonly head?: readonly number[];
  /** @default 0 */
  readonly dropout?: number;
}

/** Invariant: a dense network on {@link weightStatistics}. @throws {OptionError} for impossible sizes. */
export function statNN(
  spec: SymmetrySpec,
  { name = "stat-nn", head = [128, 128, 1], dropout = 0 }: StatNNOptions = {},
): Model {
  const width = Object.keys(spec.tensors).length * statisticsPerTensor;
  return vectorModel(spec, width, { name, head, dropout }, (weights) =>
    weightStatistics(spec, weights),
  );
}

/**
 * {@link statNN} as the published code of UNF's GRU experiment builds it: hidden layers of 600, 600 and 600 units (the paper's
 * text has six layers). 814,801 parameters on its GRU.
 */
export function publishedStatNN(spec: SymmetrySpec, { name = "stat-nn-published" } = {}): Model {
  return statNN(spec, { name, head: [600, 600, 600, 1] });
}

/** A linear model on the same statistics. */
export function linearOnStatistics(
  spec: SymmetrySpec,
  { name = "linear", outputs = 1 } = {},
): Model {
  return statNN(spec, { name, head: [outputs] });
}

/** A dense network on all weights in a row: not invariant, the control that falls apart when neurons are reordered. */
export function flatMLP(
  spec: SymmetrySpec,
  { name = "flat-mlp", head = [64, 64, 1], dropout = 0 }: StatNNOptions = {},
): Model {
  const width = Object.values(spec.tensors).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const flat = (weights: WeightBatch) => concatenateAll(flattenTensors(spec, weights), 1); // [batch, entries]
  const { vector: _, ...model } = vectorModel(spec, width, { name, head, dropout }, flat);
  return model; // nothing is saved by flattening beforehand
}
