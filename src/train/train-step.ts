// One optimisation step: loss and gradients, then clipping and the optimizer's update.

import type { numpy as np } from "@jax-js/jax";
import { settle } from "../engine/settle.ts";
import type { Model, Params, WeightBatch } from "../models/model.ts";
import { keepArrays } from "../engine/arrays.ts";
import { hasRoomForAdam } from "../kernels/optimizers/adam-kernel.ts";
import { compileGradients } from "./compiled.ts";
import type { Objective } from "./measures/objective.ts";
import { adamNumbers, type Optimizer } from "./optimizers/optimizers.ts";
import type { OptimizerState } from "./optimizers/update-rules.ts";
import { type Update, updateByAdam, updateOfArrays } from "./updates.ts";

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
  /** @consumes every array of the input; `state` is one that `packed` made, or an earlier step */
  run(input: StepInput): Promise<StepResult>;
  /** How `run` takes the optimizer's state, and back. */
  readonly packed: Update["packed"];
  readonly unpacked: Update["unpacked"];
  /** Gives the compiled programs' memory back. */
  dispose(): void;
}

/** Adam is a kernel where the model has kernels, and their numbers are at hand. */
function updateFor(
  { staged, parameterCount }: Model,
  optimizer: Optimizer,
  clipNorm: number | undefined,
): Update {
  const onKernels = staged?.stages.some(({ isInMemory }) => isInMemory) ?? false;
  const numbers = adamNumbers(optimizer);
  return onKernels && numbers !== undefined && hasRoomForAdam(parameterCount)
    ? updateByAdam(numbers, clipNorm)
    : updateOfArrays(optimizer, clipNorm);
}

/** The compiled step of a model; without `clipNorm` gradients are left as they are. */
export function trainStep(
  model: Model,
  objective: Objective,
  optimizer: Optimizer,
  clipNorm?: number,
): TrainStep {
  const compiled = compileGradients(model, objective);
  const update = updateFor(model, optimizer, clipNorm);
  return {
    packed: update.packed,
    unpacked: update.unpacked,
    async run({ params, state, weights, targets, rate, key }) {
      const { value, gradients } = await compiled.run(keepArrays(params), weights, targets, key);
      const updated = await update.run({ params, gradients, state, rate });
      await settle([updated.norm, ...Object.values(updated.params)]);
      return { ...updated, loss: value };
    },
    dispose() {
      compiled.dispose();
      update.dispose();
    },
  };
}
