// What a task needs of a classifier, all from one composition of layers: scores, gradients of the cross-entropy, and the
// symmetries of the function of one network.

import { numpy as np, tree, vmap } from "@jax-js/jax";
import type { ArrayRecord as WeightBatch } from "../../engine/arrays.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { crossEntropyGradient } from "../layers/elementwise.ts";
import { type Layer, runBackward, runForward } from "../layers/layer.ts";
import { specOfLayer } from "./layer-spec.ts";

export interface ClassifierNetwork {
  /** The spec, read off the definition of one network; traced once. */
  readonly spec: () => Promise<SymmetrySpec>;
  /** Scores [n, classes, batch] from inputs [n or 1, batch, features], by the definition. Pure. @consumes */
  readonly logits: (weights: WeightBatch, inputs: np.Array) => np.Array;
  /** The same scores, faster; not for use under `jit`. @consumes */
  readonly fastLogits: (weights: WeightBatch, inputs: np.Array) => np.Array;
  /** Gradients of the mean cross-entropy of one-hot targets [n, classes, batch], by tensor. @consumes */
  readonly gradients: (weights: WeightBatch, inputs: np.Array, targets: np.Array) => WeightBatch;
}

/** The classifier of a layer from [batch, features] to scores [classes, batch]. */
export function classifierNetwork(layer: Layer, features: number): ClassifierNetwork {
  const one = (weights: WeightBatch, inputs: np.Array) => {
    const scores = layer.apply(weights, inputs);
    tree.dispose(weights);
    return scores;
  };
  let traced: Promise<SymmetrySpec> | undefined;
  return {
    spec: () => (traced ??= specOfLayer(layer, [2, features])),
    logits: (weights, inputs) =>
      inputs.shape[0] === 1
        ? vmap(one, [0, null])(weights, np.squeeze(inputs, 0))
        : vmap(one)(weights, inputs),
    fastLogits(weights, inputs) {
      const scores = runForward(layer, weights, inputs);
      tree.dispose(weights);
      return scores;
    },
    gradients(weights, inputs, targets) {
      const result = runBackward(layer, weights, inputs, (scores) =>
        crossEntropyGradient(scores, targets),
      );
      tree.dispose(weights);
      return result;
    },
  };
}
