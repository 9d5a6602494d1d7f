// Bare matrix products over a leading population axis: compiled once a shape, nothing fused to them.

import { jit, numpy as np } from "@jax-js/jax";

const swapped = (x: np.Array) => np.swapaxes(x, -1, -2);

/** a b */
export const matmul = jit((a: np.Array, b: np.Array) => np.matmul(a, b));
/** a^T b */
export const matmulTN = jit((a: np.Array, b: np.Array) => np.matmul(swapped(a), b));
/** a b^T */
export const matmulNT = jit((a: np.Array, b: np.Array) => np.matmul(a, swapped(b)));
/** x^T, laid out in memory. */
export const transposedCopy = jit((x: np.Array) => np.add(swapped(x), 0));
