// Cross-entropy and accuracy of class scores, on the host.

import { OptionError } from "../../core/errors.ts";

export interface ClassificationSums {
  /** Sum of cross-entropies, in nats. */
  readonly loss: number;
  readonly right: number;
  readonly count: number;
}

/**
 * Sums over examples of scores [count, classes]; `chances` says that they are probabilities already.
 * @throws {OptionError} for a label that is no class
 */
export function classify(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  { chances = false }: { readonly chances?: boolean } = {},
): ClassificationSums {
  const count = labels.length;
  const classes = scores.length / count;
  let loss = 0;
  let right = 0;
  for (let i = 0; i < count; i++) {
    const label = labels[i];
    if (!(Number.isInteger(label) && label >= 0 && label < classes))
      throw new OptionError(
        `classify: label ${i} is ${label}, expected a whole number from 0 to ${classes - 1}`,
      );
    let best = 0;
    for (let c = 1; c < classes; c++)
      if (scores[i * classes + c] > scores[i * classes + best]) best = c;
    const highest = scores[i * classes + best];
    if (best === label) right++;
    if (chances) loss -= Math.log(Math.max(scores[i * classes + label], 1e-30));
    else {
      let sum = 0;
      for (let c = 0; c < classes; c++) sum += Math.exp(scores[i * classes + c] - highest);
      loss += Math.log(sum) - (scores[i * classes + label] - highest);
    }
  }
  return { loss, right, count };
}
