// LayerNorm without weights (Ba, Kiros and Hinton 2016): rows of mean 0 and variance 1.

import { jit, numpy as np } from "@jax-js/jax";
import type { Layer } from "./layer.ts";

/** Added to variances under a root. */
const epsilon = 1e-5;

const varianceOf = (centred: np.Array) =>
  np.add(np.mean(np.square(centred), -1, { keepdims: true }), epsilon);
const centre = (x: np.Array) => np.subtract(x.ref, np.mean(x, -1, { keepdims: true }));

/** Mean 0 and variance 1 over the last dimension. */
function normalize(x: np.Array): np.Array {
  const centred = centre(x);
  return np.divide(centred.ref, np.sqrt(varianceOf(centred)));
}

const normalized = jit(normalize);
const deviations = jit((x: np.Array) => np.sqrt(varianceOf(centre(x))));
/** (d - mean(d) - y mean(d y)) / deviation */
const through = jit((at: np.Array, y: np.Array, deviation: np.Array) => {
  const mean = np.mean(at.ref, -1, { keepdims: true });
  const along = np.mean(np.multiply(at.ref, y.ref), -1, { keepdims: true });
  return np.divide(np.subtract(np.subtract(at, mean), np.multiply(y, along)), deviation);
});

/** Rows [n, rows, width] with mean 0 and variance 1. No tensors. */
export const layerNorm: Layer = {
  shapes: {},
  form: { kind: "layer-norm", epsilon },
  apply: (_, x) => normalize(x),
  run(x, { hold }) {
    const deviation = hold(deviations(x.ref));
    const y = hold(normalized(x));
    return [y.ref, (at) => through(at, y, deviation)];
  },
};
