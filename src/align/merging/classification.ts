// Cross-entropy and accuracy of class scores, on the host.

import { judgeScores } from "../../core/classification.ts";
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
    const judged = judgeScores(scores, { classes, from: i * classes, stride: 1 }, label);
    if (judged.best === label) right++;
    loss += chances ? -Math.log(Math.max(scores[i * classes + label], 1e-30)) : judged.loss;
  }
  return { loss, right, count };
}
