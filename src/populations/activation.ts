// Activations of small networks, with the slope that a written-out backward pass needs.

import { nn, numpy as np } from "@jax-js/jax";

export interface TaskActivation {
  readonly apply: (sum: np.Array) => np.Array;
  /** The derivative at a sum. */
  readonly slope: (sum: np.Array) => np.Array;
}

export const taskActivations = {
  relu: {
    apply: (sum) => nn.relu(sum),
    slope: (sum) => np.where(np.greater(sum, 0), 1, 0),
  },
  tanh: {
    apply: (sum) => np.tanh(sum),
    slope: (sum) => np.subtract(1, np.square(np.tanh(sum))),
  },
} as const satisfies Record<string, TaskActivation>;

export type TaskActivationName = keyof typeof taskActivations;
