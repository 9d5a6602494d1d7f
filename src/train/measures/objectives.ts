// Objectives by name: regression, ranking and classification. Checkpoints keep the name, and predicting from one needs the
// link that turns raw outputs into predictions.

import { nn, numpy as np } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";
import { noSuchName } from "../../core/nearest-name.ts";
import { openRegistry } from "../../core/registry.ts";
import { defineObjective, type Objective, type ObjectiveDefinition } from "./objective.ts";

/** log(1 + e^x), written so that e^x does not overflow. */
const softplus = (x: np.Array): np.Array =>
  np.maximum(x.ref, 0).add(np.log1p(np.exp(np.abs(x).mul(-1))));

/** Cross entropy of logits with targets in [0, 1], soft labels included: an accuracy is a fine target. */
export const binaryCrossEntropy: Objective = defineObjective({
  name: "binary-cross-entropy",
  summary: "cross entropy of shares in [0, 1]",
  targets: "share",
  value(outputs, targets) {
    // log(1 + e^x) - t x, written so that neither e^x nor e^-x overflows; its derivative at 0 is exactly 1/2 - t.
    const positive = np.maximum(outputs.ref, 0);
    const tail = np.log1p(np.exp(np.abs(outputs.ref).mul(-1)));
    return np.mean(positive.sub(outputs.mul(targets)).add(tail));
  },
  link: (outputs) => outputs.map((value) => 1 / (1 + Math.exp(-value))),
});

/** Mean squared error. */
export const meanSquaredError: Objective = defineObjective({
  name: "mean-squared-error",
  summary: "mean squared error of numbers",
  targets: "number",
  value: (outputs, targets) => np.mean(np.square(outputs.sub(targets))),
});

/** Mean squared error of numbers in [0, 1], such as brightness, taken as they are. */
export const shareSquaredError: Objective = defineObjective({
  name: "share-squared-error",
  summary: "mean squared error of shares in [0, 1], taken as they are",
  targets: "share",
  value: (outputs, targets) => np.mean(np.square(outputs.sub(targets))),
});

/**
 * Ranking: the logistic loss of every pair of networks of a batch whose targets differ (RankNet, Burges et al. 2005), mean over
 * pairs; 0 for a batch without such a pair. Only the order of targets counts, so predictions are scores.
 */
export const pairwiseLogistic: Objective = defineObjective({
  name: "pairwise-logistic",
  summary: "logistic loss of pairs: only the order counts",
  targets: "order",
  value(outputs, targets) {
    const above = (x: np.Array) => np.expandDims(x.ref, 1).sub(np.expandDims(x, 0)); // [batch, batch, outputs]
    const pairs = np.greater(above(targets), 0).astype(np.float32);
    const losses = softplus(above(outputs).mul(-1)).mul(pairs.ref);
    return np.sum(losses).div(np.maximum(np.sum(pairs), 1));
  },
});

/** Cross entropy of logits [batch, classes] with class probabilities (one-hot or soft). */
export const softmaxCrossEntropy: Objective = defineObjective({
  name: "softmax-cross-entropy",
  summary: "cross entropy of the probabilities of classes",
  targets: "class",
  value(outputs, targets) {
    const perNetwork = np.sum(nn.logSoftmax(outputs, -1).mul(targets), -1); // [batch]
    return np.mean(perNetwork).mul(-1);
  },
  link: softmax,
});

/** The probabilities of rows of logits. */
function softmax(outputs: Float32Array, width: number): Float32Array {
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
}

const registry = openRegistry<Objective>(
  "objective",
  Object.fromEntries(
    [
      binaryCrossEntropy,
      meanSquaredError,
      shareSquaredError,
      pairwiseLogistic,
      softmaxCrossEntropy,
    ].map((objective) => [objective.name, objective]),
  ),
);

/** Names of all objectives. */
export const objectiveNames = (): readonly string[] => registry.names();

/** Adds an objective, for this process. @throws {OptionError} when the name is taken or a part is missing */
export function registerObjective(definition: ObjectiveDefinition): void {
  registry.add(definition.name, defineObjective(definition));
}

/** The objective of a name. `hint` ends the message. @throws {OptionError} listing the names there are */
export function objectiveNamed(name: string, hint = ""): Objective {
  const found = registry.get(name);
  if (found !== undefined) return found;
  throw new OptionError(
    `objectiveNamed: ${noSuchName("objective", name, objectiveNames())}; others come from registerObjective or a plug-in${hint}`,
  );
}
