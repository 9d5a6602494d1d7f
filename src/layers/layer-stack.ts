// Layers one after the other: what a model is made of. A list of layers is a layer again.

import type { numpy as np } from "@jax-js/jax";
import { deriveSeed } from "../core/random.ts";
import { type Layer, prefixed, scoped } from "./layer.ts";
import { type Stage, stage, type StageFunction } from "./stage.ts";

/** A layer over lists of arrays that can also be compiled piece by piece. */
export type StagedLayer = Layer<np.Array[]> & {
  /** The same as `apply`, in pieces; `scope` is where its parameters' paths begin. */
  stages(scope: string): Stage[];
};

/** A layer of a list. */
export interface StackEntry {
  /** Where its parameters' paths begin. */
  readonly path: string;
  readonly layer: StagedLayer;
  /** Seed of its parameters. @default from the seed of the list and `path` */
  readonly seed?: (seed: number) => number;
}

/** A layer that is one stage, with a derived gradient. Without parameters `init` makes none. */
export function stagedLayer(
  layer: Layer<np.Array[]>,
  { hasParams = true }: { hasParams?: boolean } = {},
): StagedLayer {
  const applyAll: StageFunction = (params, inputs) => layer.apply(params, inputs);
  return { ...layer, stages: (scope) => [stage(hasParams ? scope : null, applyAll)] };
}

/** A function of arrays without parameters as a layer. Pure. @consumes */
export function functionLayer(apply: (inputs: np.Array[]) => np.Array[]): StagedLayer {
  const layer = {
    parameterCount: 0,
    init: () => ({}),
    apply: (_: unknown, x: np.Array[]) => apply(x),
  };
  return stagedLayer(layer, { hasParams: false });
}

/** Layers in order as one layer. Paths of entries must differ. */
export function layerStack(entries: readonly StackEntry[]): StagedLayer {
  return {
    parameterCount: entries.reduce((sum, { layer }) => sum + layer.parameterCount, 0),
    init: (seed) =>
      Object.assign(
        {},
        ...entries.map(({ path, layer, seed: seedOf = (s) => deriveSeed(s, path) }) =>
          prefixed(path, layer.init(seedOf(seed))),
        ),
      ),
    apply: (params, inputs) => {
      let x = inputs;
      for (const { path, layer } of entries) x = layer.apply(scoped(path, params), x);
      return x;
    },
    stages: (scope) =>
      entries.flatMap(({ path, layer }) => layer.stages(scope === "" ? path : `${scope}.${path}`)),
  };
}
