// Layer normalisation (Ba, Kiros and Hinton 2016) of vectors.

import { numpy as np } from "@jax-js/jax";
import type { Layer } from "../layer.ts";

/** [batch, size] -> the same, every row with mean 0 and variance 1, then scaled and shifted by learned numbers. */
export function layerNorm(size: number): Layer<np.Array> {
  return {
    parameterCount: 2 * size,
    init: () => ({ scale: np.ones([size]), shift: np.zeros([size]) }),
    apply: (params, x) => {
      const mean = np.mean(x.ref, 1, { keepdims: true });
      const centred = np.subtract(x, mean);
      const squares = np.mean(np.multiply(centred.ref, centred.ref), 1, { keepdims: true });
      const inverse = np.reciprocal(np.sqrt(np.add(squares, 1e-5)));
      return np.add(np.multiply(np.multiply(centred, inverse), params["scale"]), params["shift"]);
    },
  };
}
