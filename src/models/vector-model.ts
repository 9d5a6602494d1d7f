// Models that read weights as a vector first: a dense network on it, and the vector apart, so that it can be kept.

import { denseStack } from "../layers/pointwise/dense.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { Model, VectorModel } from "./model.ts";
import { checkValues, statisticsOptions } from "./options.ts";

interface VectorModelOptions {
  readonly name: string;
  /** Hidden and output sizes. */
  readonly head: readonly number[];
  readonly dropout: number;
}

/**
 * A dense network on the vector [batch, width] that `read` makes of weights.
 * @throws {OptionError} when a size of the head is no whole number from 1
 */
export function vectorModel(
  spec: SymmetrySpec,
  width: number,
  { name, head, dropout }: VectorModelOptions,
  read: VectorModel["read"],
): Model {
  checkValues(name, statisticsOptions, { head, dropout });
  const top = denseStack([width, ...head], { dropout });
  const predict: VectorModel["predict"] = (params, vectors, { key } = {}) =>
    top.apply(params, vectors, key);
  return {
    name,
    spec,
    outputs: head[head.length - 1],
    parameterCount: top.parameterCount,
    init: (seed) => top.init(seed),
    apply: (params, weights, options) => predict(params, read(weights), options),
    vector: { read, predict },
  };
}
