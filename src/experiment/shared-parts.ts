// Parts of a dataset as every training run reads them: normalised, in memory that all worker threads share, so that a
// run costs no copy of the population.

import type { InputKind } from "../models/model.ts";
import type { DatasetTensor, WeightDataset } from "../train/dataset.ts";
import { type Normalization, normalize } from "../train/normalization.ts";
import type { DatasetParts } from "./job.ts";

function shared(data: Float32Array): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(data.byteLength));
  copy.set(data);
  return copy;
}

/** The dataset, normalised, in shared memory. */
export function sharedParts(
  dataset: WeightDataset,
  normalization: Normalization,
  kind: InputKind,
): DatasetParts {
  const { size, targets } = dataset;
  // One tensor at a time: the unshared copy of a large population is never there as a whole.
  const tensors = Object.entries(dataset.tensors).map(([name, tensor]) => {
    const one = normalize({ ...dataset, tensors: { [name]: tensor } }, normalization, kind);
    const { shape, data } = one.tensors[name];
    return [name, { shape, data: shared(data) }] as const;
  });
  return {
    size,
    tensors: Object.fromEntries(tensors) as Record<string, DatasetTensor>,
    targets: shared(targets),
  };
}
