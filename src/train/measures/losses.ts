// Losses over raw model outputs, each with the link that turns outputs into predictions of the targets.

import { nn, numpy as np } from "@jax-js/jax";

export interface Loss {
  readonly name: string;
  /** Mean loss [] of raw outputs [batch, outputs] for targets of the same shape. Pure; consumes both. */
  value(outputs: np.Array, targets: np.Array): np.Array;
  /** Raw outputs -> predictions on the scale of the targets, on the host; `width` is the number of outputs per network. */
  link(outputs: Float32Array, width: number): Float32Array;
}

/** Cross entropy of logits with targets in [0, 1], soft labels included: an accuracy is a fine target. */
export const binaryCrossEntropy: Loss = Object.freeze({
  name: "binary-cross-entropy",
  value(outputs: np.Array, targets: np.Array) {
    // log(1 + e^x) - t x, written so that neither e^x nor e^-x overflows; its slope at 0 is exactly 1/2 - t.
    const positive = np.maximum(outputs.ref, 0);
    const tail = np.log1p(np.exp(np.abs(outputs.ref).mul(-1)));
    return np.mean(positive.sub(outputs.mul(targets)).add(tail));
  },
  link: (outputs: Float32Array) => outputs.map((value) => 1 / (1 + Math.exp(-value))),
});

/** Mean squared error. */
export const meanSquaredError: Loss = Object.freeze({
  name: "mean-squared-error",
  value: (outputs: np.Array, targets: np.Array) => np.mean(np.square(outputs.sub(targets))),
  link: (outputs: Float32Array) => outputs,
});

/** Cross entropy of logits [batch, classes] with class probabilities (one-hot or soft). */
export const softmaxCrossEntropy: Loss = Object.freeze({
  name: "softmax-cross-entropy",
  value(outputs: np.Array, targets: np.Array) {
    const perNetwork = np.sum(nn.logSoftmax(outputs, -1).mul(targets), -1); // [batch]
    return np.mean(perNetwork).mul(-1);
  },
  link(outputs: Float32Array, width: number) {
    const result = new Float32Array(outputs.length);
    for (let start = 0; start < outputs.length; start += width) {
      const row = outputs.subarray(start, start + width);
      const highest = Math.max(...row);
      const powers = Array.from(row, (value) => Math.exp(value - highest));
      const sum = powers.reduce((total, value) => total + value, 0);
      result.set(
        powers.map((value) => value / sum),
        start,
      );
    }
    return result;
  },
});

/** All losses by name: checkpoints keep the name, and predicting from one needs the link. */
export const losses: Readonly<Record<string, Loss>> = Object.freeze(
  Object.fromEntries(
    [binaryCrossEntropy, meanSquaredError, softmaxCrossEntropy].map((loss) => [loss.name, loss]),
  ),
);
