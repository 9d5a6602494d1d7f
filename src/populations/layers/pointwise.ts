// Activations, alone as layers or fused into the layers before them. The way back reads what came out, not what went in.

import { jit, nn, numpy as np } from "@jax-js/jax";
import type { Layer } from "./layer.ts";

export interface Activation {
  readonly apply: (sum: np.Array) => np.Array;
  /** The gradient at the sum, from that at the output and the output. @consumes */
  readonly through: (at: np.Array, output: np.Array) => np.Array;
}

export const activations = {
  relu: {
    apply: (sum) => nn.relu(sum),
    through: (at, output) => np.where(np.greater(output, 0), at, 0),
  },
  tanh: {
    apply: (sum) => np.tanh(sum),
    through: (at, output) => np.multiply(at, np.subtract(1, np.square(output))),
  },
} as const satisfies Record<string, Activation>;

/** Names of activations. */
export type ActivationName = keyof typeof activations;

const compiled = ({ apply, through }: Activation): Activation => ({
  apply: jit((sum: np.Array) => apply(sum)),
  through: jit((at: np.Array, output: np.Array) => through(at, output)),
});

/** Compiled once for all layers. */
export const compiledActivations: Readonly<Record<ActivationName, Activation>> = {
  relu: compiled(activations.relu),
  tanh: compiled(activations.tanh),
};

/** An activation as a layer of its own: [n, rows, width] to the same shape. */
export function pointwise(name: ActivationName): Layer {
  const { apply, through } = compiledActivations[name];
  return {
    shapes: {},
    apply: (_, x) => activations[name].apply(x),
    run(x, { hold }) {
      const y = hold(apply(x));
      return [y.ref, (at) => through(at, y)];
    },
  };
}
