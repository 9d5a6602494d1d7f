// Models as maps between host weights, for the public checkers.

import { jit, numpy as np } from "@jax-js/jax";
import { randomStream } from "../../src/core/random.ts";
import type { Tensor, Weights } from "../../src/core/tensors.ts";
import type { EquivariantModel, Model, Params } from "../../src/models/model.ts";
import type { WeightFunction, WeightMap } from "../../src/testing/equivariance.ts";
import { toBatch } from "../../src/testing/equivariance.ts";
import { compileForward } from "../../src/train/compiled.ts";

export const refAll = (params: Params): Params =>
  Object.fromEntries(Object.entries(params).map(([path, array]) => [path, array.ref]));

/** Initial parameters with noise on all of them: biases start at zero and would hide what they break. */
export function noisyParams(model: Pick<Model, "init">, seed: number): Params {
  const random = randomStream(seed);
  return Object.fromEntries(
    Object.entries(model.init(seed)).map(([path, array]) => {
      const noise = Float32Array.from({ length: array.size }, () => 0.3 * random.normal());
      return [path, np.add(array.ref, np.array(noise).reshape(array.shape))];
    }),
  );
}

/** First output channel of an equivariant model, compiled. */
export function weightMap(model: EquivariantModel, params: Params): WeightMap {
  const compiled = jit((p: Params, w: Params) => model.apply(p, w)) as unknown as (
    p: Params,
    w: Params,
  ) => Params;
  return async (weights: Weights): Promise<Weights> => {
    const outputs = Object.entries(compiled(refAll(params), toBatch(weights)));
    const tensors = outputs.map(async ([name, array]): Promise<[string, Tensor]> => {
      const { shape } = model.spec.tensors[name];
      const first = array.slice([], ...shape.map((): [] => []), 0);
      return [name, { shape, data: (await first.data()) as Float32Array }];
    });
    return Object.fromEntries(await Promise.all(tensors));
  };
}

/** The predictions of a model, compiled as prediction compiles it. */
export function weightFunction(model: Model, params: Params): WeightFunction {
  const forward = compileForward(model);
  return async (weights: Weights) =>
    (await (await forward.run(refAll(params), toBatch(weights))).data()) as Float32Array;
}
