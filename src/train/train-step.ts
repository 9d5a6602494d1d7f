// One optimisation step: loss and gradients, then clipping and update as one compiled program.

import { jit, type numpy as np } from "@jax-js/jax";
import { settle } from "../engine/settle.ts";
import type { Model, Params, WeightBatch } from "../models/model.ts";
import { keepArrays } from "../engine/arrays.ts";
import { clipByGlobalNorm, globalNorm } from "./optimizers/clip.ts";
import { compileGradients } from "./compiled.ts";
import type { Objective } from "./measures/objective.ts";
import type { Optimizer } from "./optimizers/optimizers.ts";
import { applyUpdates, type OptimizerState } from "./optimizers/update-rules.ts";

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
  /** @consumes every array of the input */
  run(input: StepInput): Promise<StepResult>;
  /** Gives the compiled programs' memory back. */
  dispose(): void;
}

/** The compiled step of a model; without `clipNorm` gradients are left as they are. */
export function trainStep(
  model: Model,
  objective: Objective,
  optimizer: Optimizer,
  clipNorm?: number,
): TrainStep {
  const compiled = compileGradients(model, objective);
  const update = jit((params: Params, raw: Params, state: OptimizerState, rate: np.Array) => {
    const { gradients, norm } =
      clipNorm === undefined
        ? { gradients: raw, norm: globalNorm(raw) }
        : clipByGlobalNorm(raw, clipNorm);
    const [updates, next] = optimizer.update(gradients, state, params);
    return { params: applyUpdates(params, updates, rate), state: next, norm };
  });
  return {
    async run({ params, state, weights, targets, rate, key }) {
      const { value, gradients } = await compiled.run(keepArrays(params), weights, targets, key);
      const updated = update(params, gradients, state, rate);
      await settle([updated.norm, ...Object.values(updated.params)]);
      return { ...updated, loss: value };
    },
    dispose() {
      compiled.dispose();
      update.dispose();
    },
  };
}
