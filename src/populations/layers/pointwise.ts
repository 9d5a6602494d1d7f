// Activations, which layers apply to their sums. The way back reads what came out, not what went in.

import { jit, nn, numpy as np } from "@jax-js/jax";

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
