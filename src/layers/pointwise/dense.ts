// Dense layers: on vectors, and the pointwise layer shared by all entries of all tensors.

import { nn, numpy as np, random } from "@jax-js/jax";
import { deriveSeed } from "../../core/random.ts";
import { checkDropout } from "../check-options.ts";
import { type Layer, type LayerParams, normalArray, prefixed, scoped } from "../layer.ts";

/** The shape of a dense layer. */
export interface DenseOptions {
  /** Variance gain of the initial weights. @default 2 */
  readonly gain?: number;
  /** @default true */
  readonly bias?: boolean;
}

/** y = x W + b on the last dimension: [..., inputs] -> [..., outputs]. Weights start with variance gain / inputs. */
export function dense(
  inputs: number,
  outputs: number,
  { gain = 2, bias = true }: DenseOptions = {},
): Layer<np.Array> & { readonly inputs: number; readonly outputs: number } {
  return {
    inputs,
    outputs,
    parameterCount: inputs * outputs + (bias ? outputs : 0),
    init: (seed) => ({
      weight: normalArray(seed, [inputs, outputs], Math.sqrt(gain / inputs)),
      ...(bias && { bias: np.zeros([outputs]) }),
    }),
    apply: (params, x) => {
      const shape = [...x.shape.slice(0, -1), outputs];
      const product = np.matmul(np.reshape(x, [-1, inputs]), params["weight"]);
      return np.reshape(bias ? np.add(product, params["bias"]) : product, shape);
    },
  };
}

/** The shape of a stack of dense layers. */
export interface DenseStackOptions {
  /** Probability of dropping a hidden unit while training. @default 0 */
  readonly dropout?: number;
}

/** Dense layers with ReLU between them; `sizes` runs from inputs to outputs. */
export function denseStack(
  sizes: readonly number[],
  { dropout = 0 }: DenseStackOptions = {},
): {
  parameterCount: number;
  init(seed: number): LayerParams;
  /** [batch, inputs] -> [batch, outputs]; drops units only when a key is given. @consumes */
  apply(params: LayerParams, x: np.Array, key?: np.Array): np.Array;
} {
  checkDropout("dropout", dropout);
  const layers = sizes
    .slice(1)
    .map((size, i) => dense(sizes[i], size, { gain: i === sizes.length - 2 ? 1 : 2 }));
  return {
    parameterCount: layers.reduce((sum, layer) => sum + layer.parameterCount, 0),
    init: (seed) =>
      Object.assign(
        {},
        ...layers.map((layer, i) => prefixed(`dense${i}`, layer.init(deriveSeed(seed, i)))),
      ),
    apply: (params, x, key) => {
      const keys =
        key === undefined || dropout === 0 ? undefined : random.split(key, layers.length);
      let y = x;
      for (const [i, layer] of layers.entries()) {
        y = layer.apply(scoped(`dense${i}`, params), y);
        if (i === layers.length - 1) break;
        y = nn.relu(y);
        if (keys !== undefined) y = dropUnits(y, keys.ref.slice(i), dropout);
      }
      keys?.dispose();
      return y;
    },
  };
}

/** Inverted dropout: zero with probability `rate`, the rest scaled up. @consumes */
export function dropUnits(x: np.Array, key: np.Array, rate: number): np.Array {
  const kept = random.bernoulli(key, 1 - rate, x.shape);
  return np.where(kept, np.multiply(x, 1 / (1 - rate)), 0);
}
