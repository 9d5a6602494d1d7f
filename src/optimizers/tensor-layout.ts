// Where the entries of every tensor of a spec stand in one vector: tensors in the spec's order, each row-major. Optimizers that treat
// entries alike work on that vector, for n networks at once.

import { jit, numpy as np } from "@jax-js/jax";
import { sizeOf } from "../core/shapes.ts";
import { concatenateAll } from "../layers/pointwise/concatenate.ts";
import { holdNumbers } from "../layers/kernel-stage.ts";
import { sliceAlong } from "../layers/pack.ts";
import { checkBatch } from "../layers/check-batch.ts";
import type { Params } from "../models/model.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";

/** One tensor's place in the vector. */
export interface TensorPlace {
  readonly name: string;
  readonly shape: readonly number[];
  readonly start: number;
  readonly size: number;
}

export interface TensorLayout {
  readonly tensors: readonly TensorPlace[];
  /** Entries of all tensors. */
  readonly total: number;
  /** Named arrays [n, ...shape] to [n, total]; consumes. @throws {ShapeError} naming a tensor that is missing, unknown or of another shape */
  readonly flatten: (arrays: Params) => np.Array;
  /** [n, total] to named arrays [n, ...shape]; pure, consumes. */
  readonly unflatten: (flat: np.Array) => Params;
  /** [n, total, channels] to one array [n, ...shape, channels] a tensor; pure, consumes. */
  readonly split: (flat: np.Array) => Params;
}

/** [n, total] of arrays [n, ...shape] that hold numbers, copied row by row. @consumes */
function joinNumbers(
  arrays: readonly np.Array[],
  tensors: readonly TensorPlace[],
  total: number,
): np.Array {
  const [n] = arrays[0].shape;
  const all = new Float32Array(n * total);
  for (const [t, { start, size }] of tensors.entries()) {
    const numbers = arrays[t].dataSync() as Float32Array;
    for (let i = 0; i < n; i++)
      all.set(numbers.subarray(i * size, (i + 1) * size), i * total + start);
  }
  return np.array(all, { shape: [n, total] });
}

/** The layout of a spec's tensors. */
export function tensorLayout(spec: SymmetrySpec): TensorLayout {
  let total = 0;
  const tensors = Object.entries(spec.tensors).map(([name, { shape }]): TensorPlace => {
    const size = sizeOf(shape);
    total += size;
    return { name, shape, start: total - size, size };
  });
  const join = jit((arrays: np.Array[]) =>
    concatenateAll(
      arrays.map((array, i) => array.reshape([array.shape[0], tensors[i].size])),
      1,
    ),
  );
  const pieces = (flat: np.Array, rest: readonly number[]): Params => {
    const [n] = flat.shape;
    const entries = tensors.map(({ name, shape, start, size }) => [
      name,
      sliceAlong(flat.ref, 1, start, size).reshape([n, ...shape, ...rest]),
    ]);
    flat.dispose();
    return Object.fromEntries(entries) as Params;
  };
  return {
    tensors,
    total,
    flatten(arrays) {
      checkBatch(spec, arrays, null);
      const list = tensors.map(({ name }) => arrays[name]);
      return holdNumbers(list) ? joinNumbers(list, tensors, total) : join(list);
    },
    unflatten: (flat) => pieces(flat, []),
    split: (flat) => pieces(flat, [flat.shape[2]]),
  };
}
