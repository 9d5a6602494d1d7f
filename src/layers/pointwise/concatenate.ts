// Concatenation of many arrays. The engine's own joins them left to right, seven at a time, and copies what it has again
// each time; joining in a balanced tree copies every entry only log_8(n) times.

import { numpy as np } from "@jax-js/jax";

const fanIn = 8;

/** Joins arrays along an axis, in order. @consumes */
export function concatenateAll(arrays: readonly np.Array[], axis: number): np.Array {
  if (arrays.length === 1) return arrays[0];
  const groups = Array.from({ length: Math.ceil(arrays.length / fanIn) }, (_, i) =>
    np.concatenate(arrays.slice(i * fanIn, (i + 1) * fanIn), axis),
  );
  return concatenateAll(groups, axis);
}
