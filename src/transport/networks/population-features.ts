// Populations of networks as samples: each network becomes a few numbers that its symmetries do not change, or a row of sorted
// projections of its neuron clouds, in which sliced W2 between networks is a Euclidean distance.

import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { OptionError } from "../../core/errors.ts";
import { deriveSeed, randomStream } from "../../core/random.ts";
import type { Tensor, Weights } from "../../core/tensors.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { randomDirection } from "../directions.ts";
import { neuronClouds } from "./neuron-clouds.ts";
import { project } from "../numeric/projection.ts";

const quantiles = [0, 0.25, 0.5, 0.75, 1];

/** Mean, standard deviation and five quantiles. */
function summary(values: Float64Array): number[] {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
  const sorted = values.toSorted();
  const at = (q: number) => sorted[Math.round(q * (sorted.length - 1))];
  return [mean, Math.sqrt(variance), ...quantiles.map(at)];
}

/** Lengths of the rows of [rows, width]. */
function rowLengths({ shape: [rows, width], data }: Tensor): Float64Array {
  const lengths = new Float64Array(rows);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < width; j++) lengths[i] += data[i * width + j] ** 2;
  return lengths.map(Math.sqrt);
}

/**
 * Numbers that the symmetries of a network do not change: for every cloud of neurons a summary of its coordinates and one of the lengths of
 * its neurons, for every fixed tensor a summary of its entries; each of seven numbers.
 * @throws {OptionError} for tensors that are missing or not finite
 */
export function invariantFeatures(spec: SymmetrySpec, weights: Weights): number[] {
  const { clouds, fixed } = neuronClouds(spec, weights);
  return [
    ...clouds.flatMap(({ points }) => [
      ...summary(Float64Array.from(points.data)),
      ...summary(rowLengths(points)),
    ]),
    ...fixed.flatMap((name) => summary(Float64Array.from(weights[name].data))),
  ];
}

/**
 * The sliced features of a network: projections of every neuron cloud on fixed random directions, sorted. For one spec, one seed and one
 * number of directions the Euclidean distance of two such rows is the root of the sum of squares of sliced W2 over clouds (and, for fixed
 * tensors, of the distance that {@link networkDistance} gives them). A thousand networks cost a thousand sorts.
 * @throws {OptionError} for tensors that are missing or not finite
 */
export function slicedFeatures(
  spec: SymmetrySpec,
  weights: Weights,
  { nProjections = 50, seed = 0 }: { readonly nProjections?: number; readonly seed?: number } = {},
): Float64Array {
  const { clouds, fixed } = neuronClouds(spec, weights);
  const pieces: Float64Array[] = [];
  for (const [i, { points }] of clouds.entries()) {
    const [size, dimension] = points.shape;
    const random = randomStream(deriveSeed(seed, "cloud", i));
    const share = 1 / Math.sqrt(size * nProjections);
    const cloud = { size, dimension, data: Float64Array.from(points.data) };
    for (let l = 0; l < nProjections; l++) {
      const direction = Float64Array.from(randomDirection(dimension, random));
      pieces.push(
        project(cloud, direction)
          .sort()
          .map((v) => v * share),
      );
    }
  }
  const entries = fixed.reduce((sum, name) => sum + weights[name].data.length, 0);
  for (const name of fixed)
    pieces.push(Float64Array.from(weights[name].data, (v) => v / Math.sqrt(entries)));
  const row = new Float64Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let start = 0;
  for (const piece of pieces) {
    row.set(piece, start);
    start += piece.length;
  }
  return row;
}

/**
 * Rows of features brought to few dimensions: columns in units of their standard deviation, then the first principal components of all
 * rows together, which no label touches. Columns that do not vary are left out. At least one component.
 * @throws {OptionError} where no column varies
 */
export function principalComponents(
  rows: readonly (readonly number[])[],
  dimension: number,
): number[][] {
  const count = rows.length;
  const columns = rows[0].map((_, j) => {
    const mean = rows.reduce((sum, row) => sum + row[j] / count, 0);
    const std = Math.sqrt(rows.reduce((sum, row) => sum + (row[j] - mean) ** 2, 0) / count);
    return { j, mean, std };
  });
  const varying = columns.filter(({ mean, std }) => std > 1e-9 * (1 + Math.abs(mean)));
  if (varying.length === 0)
    throw new OptionError(
      "principalComponents: no feature differs between the rows; there is nothing to compare",
    );
  const standard = new Matrix(
    rows.map((row) => varying.map(({ j, mean, std }) => (row[j] - mean) / std)),
  );
  const covariance = standard.transpose().mmul(standard).div(count);
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(covariance, {
    assumeSymmetric: true,
  });
  const order = realEigenvalues
    .map((_, i) => i)
    .sort((a, b) => realEigenvalues[b] - realEigenvalues[a]);
  const kept = order.slice(0, Math.min(dimension, varying.length));
  return standard.mmul(eigenvectorMatrix.subMatrixColumn(kept)).to2DArray();
}
