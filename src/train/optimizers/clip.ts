// Gradient clipping by the norm of all gradients taken as one vector (Pascanu, Mikolov and Bengio 2013).

import { numpy as np } from "@jax-js/jax";
import { type ArrayRecord, mapArrays } from "../../engine/arrays.ts";

/** Euclidean norm over all entries of all arrays, []. @keeps all */
export function globalNorm(record: ArrayRecord): np.Array {
  const squares = Object.values(record).map((array) => np.sum(np.square(array.ref)));
  return np.sqrt(squares.reduce((sum, square) => sum.add(square)));
}

/**
 * Gradients scaled down to norm `limit` when theirs is larger, and the norm before; runs under `jit`.
 * @consumes gradients
 */
export function clipByGlobalNorm<T extends ArrayRecord>(
  gradients: T,
  limit: number,
): { gradients: T; norm: np.Array } {
  const norm = globalNorm(gradients);
  const factor = np.divide(limit, np.maximum(norm.ref, limit)); // 1 at or below the limit
  const clipped = mapArrays(gradients, (gradient) => gradient.mul(factor.ref));
  factor.dispose();
  return { gradients: clipped, norm };
}
