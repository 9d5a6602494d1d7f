// Stages: a model cut into pieces that are compiled one by one. Compiled as a whole, the engine fuses across everything and
// computes intermediate values again for each reader; between stages they are stored. What a stage's gradient is may be
// written by hand, where the derived one would be slow.

import { jit, type numpy as np, vjp } from "@jax-js/jax";
import type { LayerParams } from "./layer.ts";

/** Gradients with respect to a stage's parameters and inputs; no inputs where nobody asked for them. */
export type StageGradients = { params: LayerParams; inputs: np.Array[] };

/** Both directions of a stage, compiled. @consumes */
export interface CompiledStage {
  readonly forward: (params: LayerParams, inputs: np.Array[], key?: np.Array) => np.Array[];
  /**
   * Gradients from those of the outputs; those of the inputs only when `wanted`. Neighbours may agree on another layout of
   * gradients than of values.
   */
  readonly backward: (
    params: LayerParams,
    inputs: np.Array[],
    gradients: np.Array[],
    wanted: boolean,
    key?: np.Array,
  ) => StageGradients;
  /** Gives the compiled programs' memory back. */
  dispose(): void;
}

/** A piece of a model that is compiled on its own. */
export interface Stage {
  /** Prefix of its parameters' paths: "" when it has all of them, null when it has none. */
  readonly scope: string | null;
  /** Its parameters and gradients are numbers at hand, not arrays that the engine may still have to compute. @default false */
  readonly isInMemory?: boolean;
  /** `gradients`: `backward` will be called too. @default true */
  compile(options?: { readonly gradients: boolean }): CompiledStage;
}

type Keyed = { key?: np.Array };

/** What one piece does: outputs from parameters and inputs. Pure: runs under `jit` and `vjp`. @consumes */
export type StageFunction = (params: LayerParams, inputs: np.Array[], keyed: Keyed) => np.Array[];

/** Gradients of the inputs of a stage without parameters, written by hand. Pure. @consumes */
export type StagePullback = (inputs: np.Array[], gradients: np.Array[]) => np.Array[];

const keyedBy = (key: np.Array | undefined): Keyed => (key === undefined ? {} : { key });

/** A stage that is one program in each direction; without `pullback` its gradient is derived. */
export function stage(scope: string | null, apply: StageFunction, pullback?: StagePullback): Stage {
  const derived = (
    params: LayerParams,
    inputs: np.Array[],
    gradients: np.Array[],
    wanted: boolean,
    keyed: Keyed,
  ): StageGradients => {
    if (wanted) {
      const [outputs, pull] = vjp(
        (p: LayerParams, x: np.Array[]) => apply(p, x, keyed),
        [params, inputs],
      );
      for (const output of outputs) output.dispose();
      const [ofParams, ofInputs] = pull(gradients);
      pull.dispose();
      return { params: ofParams, inputs: ofInputs };
    }
    const [outputs, pull] = vjp((p: LayerParams) => apply(p, inputs, keyed), [params]);
    for (const output of outputs) output.dispose();
    const [ofParams] = pull(gradients);
    pull.dispose();
    return { params: ofParams, inputs: [] };
  };
  return {
    scope,
    compile: () => {
      const forward = jit(apply);
      const backward = [false, true].map((wanted) =>
        jit((params: LayerParams, inputs: np.Array[], gradients: np.Array[], keyed: Keyed) =>
          pullback === undefined
            ? derived(params, inputs, gradients, wanted, keyed)
            : { params, inputs: pullback(inputs, gradients) },
        ),
      );
      return {
        forward: (params, inputs, key) => forward(params, inputs, keyedBy(key)),
        backward: (params, inputs, gradients, wanted, key) =>
          backward[Number(wanted)](params, inputs, gradients, keyedBy(key)),
        dispose: () => {
          forward.dispose();
          for (const program of backward) program.dispose();
        },
      };
    },
  };
}

/**
 * A stage that leaves the first `carried` inputs as they are, for stages after it, and gives the others to `inner`; parameters of
 * `inner` lie below `scope`.
 */
export function besides(inner: Stage, carried: number, scope: string): Stage {
  const path = inner.scope === null ? null : inner.scope === "" ? scope : `${scope}.${inner.scope}`;
  return {
    scope: path,
    compile: (options) => {
      const compiled = inner.compile(options);
      return {
        forward: (params, inputs, key) => [
          ...inputs.slice(0, carried),
          ...compiled.forward(params, inputs.slice(carried), key),
        ],
        backward: (params, inputs, gradients, wanted, key) => {
          const [through, own] = [gradients.slice(0, carried), gradients.slice(carried)];
          for (const array of inputs.slice(0, carried)) array.dispose();
          const step = compiled.backward(params, inputs.slice(carried), own, wanted, key);
          if (wanted) return { params: step.params, inputs: [...through, ...step.inputs] };
          for (const array of through) array.dispose();
          return step;
        },
        dispose: () => compiled.dispose(),
      };
    },
  };
}
