// The pointwise layer: one dense layer for every entry of every tensor, the first of the hybrid functional.

import type { numpy as np } from "@jax-js/jax";
import type { ExecutablePlan } from "../../plan/plan-spec.ts";
import type { dense } from "./dense.ts";
import { keepParams, type Layer, type LayerParams } from "../layer.ts";
import { type StagedLayer, stagedLayer } from "../layer-stack.ts";

/** One dense layer applied to every entry of every tensor (what UNF's learned optimizers call a Deep Set layer). */
export function pointwiseLayer(
  { lowered }: Pick<ExecutablePlan, "lowered">,
  layer: ReturnType<typeof dense>,
): StagedLayer {
  const { inputs, outputs } = layer;
  const pointwise: Layer<np.Array[]> = {
    parameterCount: layer.parameterCount,
    init: (seed) => layer.init(seed),
    apply: (params: LayerParams, features) => {
      const mapped = features.map((x, tensor) => {
        const { fixedSize } = lowered.tensors[tensor];
        const y = layer.apply(
          keepParams(params),
          x.reshape([...x.shape.slice(0, -1), fixedSize, inputs]),
        );
        return y.reshape([...x.shape.slice(0, -1), fixedSize * outputs]);
      });
      for (const param of Object.values(params)) param.dispose();
      return mapped;
    },
  };
  return stagedLayer(pointwise);
}
