// One optimisation step as a single compiled program: loss, gradients, clipping, update.

import { jit, type numpy as np, valueAndGrad } from "@jax-js/jax";
import type { Model, Params, WeightBatch } from "../models/model.ts";
import { keepArrays } from "./arrays.ts";
import { clipByGlobalNorm, globalNorm } from "./clip.ts";
import type { Loss } from "./losses.ts";
import type { Optimizer, OptimizerState } from "./optimizers.ts";

export interface TrainState {
  readonly params: Params;
  readonly state: OptimizerState;
}

export interface StepInput extends TrainState {
  readonly weights: WeightBatch;
  /** [batch, outputs] */
  readonly targets: np.Array;
  /** Learning rate, []. */
  readonly rate: np.Array;
  /** Random key for dropout. */
  readonly key?: np.Array;
}

/** Everything in a step is an array: `loss` and `norm` (of the gradients before clipping) are []. */
export interface StepResult extends TrainState {
  readonly loss: np.Array;
  readonly norm: np.Array;
}

export interface TrainStep {
  /** Consumes every array of the input. */
  run(input: StepInput): StepResult;
  /** Gives the compiled program's memory back. */
  dispose(): void;
}

/** The compiled step of a model; without `clipNorm` gradients are left as they are. */
export function trainStep(
  model: Model,
  loss: Loss,
  optimizer: Optimizer,
  clipNorm?: number,
): TrainStep {
  const compute = (
    params: Params,
    state: OptimizerState,
    weights: WeightBatch,
    targets: np.Array,
    rate: np.Array,
    keys: { key?: np.Array },
  ) => {
    const lossOf = (p: Params) => loss.value(model.apply(p, weights, keys), targets);
    const [value, raw] = valueAndGrad(lossOf)(keepArrays(params));
    const { gradients, norm } =
      clipNorm === undefined
        ? { gradients: raw, norm: globalNorm(raw) }
        : clipByGlobalNorm(raw, clipNorm);
    return { ...optimizer.update(params, gradients, state, rate), loss: value, norm };
  };
  const compiled = jit(compute);
  return {
    run: ({ params, state, weights, targets, rate, key }) =>
      compiled(params, state, weights, targets, rate, key === undefined ? {} : { key }),
    dispose: () => compiled.dispose(),
  };
}
