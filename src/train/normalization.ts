// Statistics normalisation: every tensor shifted and scaled by one mean and one standard deviation fitted on the
// training networks. One pair per tensor, never per entry, so that permutations of the weights still commute.

import { ShapeError } from "../core/errors.ts";
import { lookup } from "../core/records.ts";
import type { DatasetTensor, WeightDataset } from "./dataset.ts";

/** Tensor name -> mean and standard deviation over all its entries in all networks. */
export type Normalization = Readonly<
  Record<string, { readonly mean: number; readonly deviation: number }>
>;

/** Statistics of a dataset (two passes in float64); a constant tensor gets deviation 1. */
export function fitNormalization(dataset: WeightDataset): Normalization {
  const entries = Object.entries(dataset.tensors).map(([name, { data }]) => {
    let sum = 0;
    for (const value of data) sum += value;
    const mean = sum / data.length;
    let squares = 0;
    for (const value of data) squares += (value - mean) ** 2;
    const deviation = Math.sqrt(squares / data.length);
    return [name, { mean, deviation: deviation > 0 ? deviation : 1 }];
  });
  return Object.fromEntries(entries) as Normalization;
}

/**
 * The dataset with `(weight - mean) / deviation` in every tensor; targets unchanged.
 * @throws {ShapeError} when a tensor has no statistics.
 */
export function normalize(dataset: WeightDataset, normalization: Normalization): WeightDataset {
  const tensors = Object.entries(dataset.tensors).map(([name, { shape, data }]) => {
    const statistics = lookup(normalization, name);
    if (statistics === undefined) {
      throw new ShapeError(
        `normalize: tensor "${name}" has no statistics, expected one of ` +
          `${Object.keys(normalization).join(", ")}; fit them on the same tensors`,
      );
    }
    const { mean, deviation } = statistics;
    return [name, { shape, data: data.map((value) => (value - mean) / deviation) }];
  });
  return { ...dataset, tensors: Object.fromEntries(tensors) as Record<string, DatasetTensor> };
}
