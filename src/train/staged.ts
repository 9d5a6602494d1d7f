// A staged model's predictions and gradients: forwards stage by stage, keeping what each read, and backwards again. Every
// stage is waited for: work that is pending makes later calls slow (docs/decisions/10).

import { jit, type numpy as np, valueAndGrad } from "@jax-js/jax";
import { settle } from "../engine/settle.ts";
import type { Params, StagedModel, WeightBatch } from "../models/model.ts";
import { prefixed, scoped } from "../layers/layer.ts";
import { disposeArrays, keepArrays } from "../engine/arrays.ts";
import type { Loss } from "./measures/losses.ts";

export interface Forward {
  /** Predictions [batch, outputs]; consumes. */
  run(params: Params, weights: WeightBatch): Promise<np.Array>;
  /** Gives the compiled programs' memory back. */
  dispose(): void;
}

export interface Gradients {
  /** The loss [] and the gradient of every parameter; `key` is for dropout. Consumes. */
  run(
    params: Params,
    weights: WeightBatch,
    targets: np.Array,
    key?: np.Array,
  ): Promise<{ value: np.Array; gradients: Params }>;
  dispose(): void;
}

const own = (params: Params, scope: string | null) =>
  scope === null ? {} : keepArrays(scoped(scope, params));

function compileStages({ open, stages }: StagedModel, gradients: boolean) {
  const opened = jit(open);
  const compiled = stages.map((stage) => ({ scope: stage.scope, ...stage.compile({ gradients }) }));
  const dispose = () => {
    opened.dispose();
    for (const program of compiled) program.dispose();
  };
  return { opened, compiled, dispose };
}

export function stagedForward(model: StagedModel): Forward {
  const { opened, compiled, dispose } = compileStages(model, false);
  return {
    dispose,
    async run(params, weights) {
      let values = opened(weights);
      for (const { scope, forward } of compiled) {
        values = forward(own(params, scope), values);
        await settle(values);
      }
      disposeArrays(params);
      return values[0];
    },
  };
}

export function stagedGradients(model: StagedModel, loss: Loss): Gradients {
  const { opened, compiled, dispose } = compileStages(model, true);
  const lossOf = jit((outputs: np.Array, targets: np.Array) =>
    valueAndGrad((y: np.Array) => loss.value(y, targets))(outputs),
  );
  /** Nobody asks for gradients of what the first stage with parameters reads. */
  const first = compiled.findIndex(({ scope }) => scope !== null);
  return {
    dispose() {
      dispose();
      lossOf.dispose();
    },
    async run(params, weights, targets, key) {
      const read: np.Array[][] = [];
      let values = opened(weights);
      for (const [i, { scope, forward }] of compiled.entries()) {
        if (i >= first) read[i] = values.map((value) => value.ref);
        values = forward(own(params, scope), values, key?.ref);
        await settle(values);
      }
      const [value, ofOutputs] = lossOf(values[0], targets);
      const gradients: Params = {};
      let back = [ofOutputs];
      for (let i = compiled.length - 1; i >= first; i--) {
        const { scope, backward } = compiled[i];
        const step = backward(own(params, scope), read[i], back, i > first, key?.ref);
        await settle(Object.values(step.params));
        await settle(step.inputs);
        if (scope !== null) Object.assign(gradients, prefixed(scope, step.params));
        back = step.inputs;
      }
      disposeArrays(params);
      key?.dispose();
      return { value, gradients };
    },
  };
}
