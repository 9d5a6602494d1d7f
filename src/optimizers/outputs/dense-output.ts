// One dense layer for all entries, each by itself: the last layer of the Deep Sets optimizer, which pools nothing.

import { jit, numpy as np } from "@jax-js/jax";
import { matmul } from "../../populations/layers/matmul.ts";
import { hostNormal, hostZeros } from "../host-theta.ts";
import type { OutputLayer } from "./output-layer.ts";

const finish = jit((products: np.Array, bias: np.Array) => {
  const [n, entries] = products.shape;
  return np.reshape(np.add(products, np.reshape(bias, [n, 1, 1])), [n, entries]);
});

/** `out.weight` [channels, 1] and `out.bias` [1]. */
export const denseOutput = (channels: number): OutputLayer => ({
  thetaShapes: { "out.weight": [channels, 1], "out.bias": [1] },
  initialTheta: (seed) => ({
    "out.weight": hostNormal(seed, [channels, 1], Math.sqrt(1 / channels)),
    "out.bias": hostZeros([1]),
  }),
  prepare: (theta) => theta,
  apply: (prepared, hidden) =>
    finish(matmul(hidden, prepared["out.weight"].ref), prepared["out.bias"].ref),
  kernels: { layer: { kind: "pointwise", bias: "tensor" } },
});
