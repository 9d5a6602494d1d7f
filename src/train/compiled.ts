// What training and prediction compile of a model: stage by stage where it has stages, whole otherwise.

import { jit, type numpy as np, valueAndGrad } from "@jax-js/jax";
import type { Model, Params, WeightBatch } from "../models/model.ts";
import type { Loss } from "./measures/losses.ts";
import { type Forward, type Gradients, stagedForward, stagedGradients } from "./staged.ts";

export function compileForward(model: Model): Forward {
  if (model.staged !== undefined) return stagedForward(model.staged);
  const whole = jit((params: Params, weights: WeightBatch) => model.apply(params, weights));
  return { run: async (params, weights) => whole(params, weights), dispose: () => whole.dispose() };
}

export function compileGradients(model: Model, loss: Loss): Gradients {
  if (model.staged !== undefined) return stagedGradients(model.staged, loss);
  const whole = jit(
    (params: Params, weights: WeightBatch, targets: np.Array, keyed: { key?: np.Array }) =>
      valueAndGrad((p: Params) => loss.value(model.apply(p, weights, keyed), targets))(params),
  );
  return {
    async run(params, weights, targets, key) {
      const keyed = key === undefined ? {} : { key };
      const [value, gradients] = whole(params, weights, targets, keyed);
      return { value, gradients };
    },
    dispose: () => whole.dispose(),
  };
}
