// A staged model's predictions and gradients: forwards stage by stage, keeping what each read, and backwards again. Every
// stage is waited for: work that is pending makes later calls slow (docs/decisions/10).

import { jit, type numpy as np, vjp } from "@jax-js/jax";
import { settle } from "../engine/settle.ts";
import type { Params, StagedModel, WeightArrays, WeightBatch } from "../models/model.ts";
import { prefixed, scoped } from "../layers/layer.ts";
import { disposeArrays, keepArrays } from "../engine/arrays.ts";

export interface Forward<Output extends WeightArrays = np.Array> {
  /** What the model gives: predictions [batch, outputs], or arrays by tensor name. @consumes */
  run(params: Params, weights: WeightBatch): Promise<Output>;
  /** Gives the compiled programs' memory back. */
  dispose(): void;
}

/** A loss of what a model gives, with its gradient with respect to that; an objective is one of predictions. */
export interface OutputLoss<Output extends WeightArrays> {
  /** The loss [] and its gradient, shaped as the output. Pure. @consumes */
  readonly valueAndGradient: (output: Output, targets: Output) => [np.Array, Output];
}

export interface Gradients<Output extends WeightArrays = np.Array> {
  /** The loss [] and the gradient of every parameter; `key` is for dropout. @consumes */
  run(
    params: Params,
    weights: WeightBatch,
    targets: Output,
    key?: np.Array,
  ): Promise<{ value: np.Array; gradients: Params }>;
  dispose(): void;
}

const inScope = (params: Params, scope: string | null) =>
  scope === null ? {} : keepArrays(scoped(scope, params));

function compileStages<Output extends WeightArrays>(
  { toFeatures, stages }: StagedModel<Output>,
  gradients: boolean,
) {
  const opened = jit(toFeatures);
  const compiled = stages.map((stage) => ({ scope: stage.scope, ...stage.compile({ gradients }) }));
  const dispose = () => {
    opened.dispose();
    for (const program of compiled) program.dispose();
  };
  return { opened, compiled, dispose };
}

/** The passes of a staged model, compiled stage by stage. */
export function stagedForward<Output extends WeightArrays>(
  model: StagedModel<Output>,
): Forward<Output> {
  const { opened, compiled, dispose } = compileStages(model, false);
  return {
    dispose,
    async run(params, weights) {
      let values = opened(weights);
      for (const { scope, forward } of compiled) {
        values = forward(inScope(params, scope), values);
        await settle(values);
      }
      disposeArrays(params);
      return model.fromFeatures(values);
    },
  };
}

/** The loss [] at what the last stage made, and its gradients with respect to that. */
function compileLoss<Output extends WeightArrays>(
  { fromFeatures }: StagedModel<Output>,
  { valueAndGradient }: OutputLoss<Output>,
) {
  return jit((made: np.Array[], targets: WeightArrays): [np.Array, np.Array[]] => {
    const [output, pull] = vjp((y: np.Array[]): WeightArrays => fromFeatures(y), [made]);
    const [value, gradient] = valueAndGradient(output as Output, targets as Output);
    const [gradients] = pull(gradient) as [np.Array[]];
    pull.dispose();
    return [value, gradients];
  }) as unknown as {
    (made: np.Array[], targets: Output): [np.Array, np.Array[]];
    dispose(): void;
  };
}

/** The gradients of a staged model, compiled stage by stage: forwards, keeping what each stage read, and backwards. */
export function stagedGradients<Output extends WeightArrays>(
  model: StagedModel<Output>,
  loss: OutputLoss<Output>,
): Gradients<Output> {
  const { opened, compiled, dispose } = compileStages(model, true);
  const lossOf = compileLoss(model, loss);
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
        values = forward(inScope(params, scope), values, key?.ref);
        await settle(values);
      }
      const [value, ofOutputs] = lossOf(values, targets);
      const gradients: Params = {};
      let back = ofOutputs;
      for (let i = compiled.length - 1; i >= first; i--) {
        const { scope, backward } = compiled[i];
        const step = backward(inScope(params, scope), read[i], back, i > first, key?.ref);
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
