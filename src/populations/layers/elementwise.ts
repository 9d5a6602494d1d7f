// Element-wise and summing kernels that layers share, each compiled once a shape. Everything carries a leading axis n.

import { jit, nn, numpy as np } from "@jax-js/jax";

/** A bias [n, outputs] as a row [n, 1, outputs]. */
export const asRow = (bias: np.Array) => np.expandDims(bias, -2);
/** A bias [n, outputs] as a column [n, outputs, 1]. */
export const asColumn = (bias: np.Array) => np.expandDims(bias, -1);

export const add = jit((a: np.Array, b: np.Array) => np.add(a, b));
export const addThree = jit((a: np.Array, b: np.Array, c: np.Array) => np.add(np.add(a, b), c));
export const addFour = jit((a: np.Array, b: np.Array, c: np.Array, d: np.Array) =>
  np.add(np.add(a, b), np.add(c, d)),
);
/** [n, rows, outputs] and a bias [n, outputs] */
export const addRow = jit((x: np.Array, bias: np.Array) => np.add(x, asRow(bias)));
/** [n, outputs, rows] and a bias [n, outputs] */
export const addColumn = jit((x: np.Array, bias: np.Array) => np.add(x, asColumn(bias)));
/** Sums over the last dimension but one, and over the last. */
export const sumRows = jit((x: np.Array) => np.sum(x, -2));
export const sumColumns = jit((x: np.Array) => np.sum(x, -1));
/** The same values laid out in memory. */
export const copyOf = jit((x: np.Array) => np.add(x, 0));

/**
 * Gradient of the mean cross-entropy at scores [n, classes, batch] for one-hot targets of that shape: (softmax - target) / batch,
 * and 0 in columns without a target. @consumes
 */
export const crossEntropyGradient = jit((scores: np.Array, targets: np.Array) => {
  const chances = nn.softmax(scores, -2);
  const requested = np.sum(targets.ref, -2, { keepdims: true });
  const batch = targets.shape[2];
  return np.multiply(np.subtract(np.multiply(chances, requested), targets), 1 / batch);
});

/** Gradient of the mean squared error at outputs [n, rows, outputs] for targets of that shape. @consumes */
export const squaredErrorGradient = jit((outputs: np.Array, targets: np.Array) => {
  const [, rows, width] = targets.shape;
  return np.multiply(np.subtract(outputs, targets), 2 / (rows * width));
});
