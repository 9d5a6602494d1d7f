// What training and prediction compile of a model: stage by stage where it has stages, whole otherwise.

import { jit, type numpy as np, vjp } from "@jax-js/jax";
import type { Params, WeightArrays, WeightBatch, WeightFunctional } from "../models/model.ts";
import {
  type Forward,
  type Gradients,
  type OutputLoss,
  stagedForward,
  stagedGradients,
} from "./staged.ts";

/** A model's passes, compiled. */
export function compileForward<Output extends WeightArrays>(
  model: WeightFunctional<Output>,
): Forward<Output> {
  if (model.staged !== undefined) return stagedForward(model.staged);
  const forward = jit((params: Params, weights: WeightBatch): WeightArrays =>
    model.apply(params, weights),
  );
  return {
    run: async (params, weights) => forward(params, weights) as Output,
    dispose: () => forward.dispose(),
  };
}

/** The loss of a model's outputs and the gradients of its parameters, compiled. */
export function compileGradients<Output extends WeightArrays>(
  model: WeightFunctional<Output>,
  loss: OutputLoss<Output>,
): Gradients<Output> {
  if (model.staged !== undefined) return stagedGradients(model.staged, loss);
  const backward = jit(
    (params: Params, weights: WeightBatch, targets: Output, keyed: { key?: np.Array }) => {
      const [output, pull] = vjp(
        (p: Params): WeightArrays => model.apply(p, weights, keyed),
        [params],
      );
      const [value, ofOutput] = loss.valueAndGradient(output as Output, targets);
      const [gradients] = pull(ofOutput) as [Params];
      pull.dispose();
      return [value, gradients];
    },
  ) as unknown as Whole<Output>;
  return {
    async run(params, weights, targets, key) {
      const keyed = key === undefined ? {} : { key };
      const [value, gradients] = backward(params, weights, targets, keyed);
      return { value, gradients };
    },
    dispose: () => backward.dispose(),
  };
}

/** A compiled program of loss and gradients. */
interface Whole<Output> {
  (
    params: Params,
    weights: WeightBatch,
    targets: Output,
    keyed: { key?: np.Array },
  ): [np.Array, Params];
  dispose(): void;
}
