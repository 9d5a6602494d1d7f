// A functional that does not see directions of weights which the network ignores: what LayerNorm removes is projected out of the
// weights before they are read. The published Transformer-NFN reads it.

import { numpy as np } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";
import type { RemovedDirection } from "../../infer/proof/removed-directions.ts";
import type { Model, WeightBatch } from "../model.ts";

/**
 * The same functional on weights without their part along directions, as `findRemovedDirections` finds them: moves along them leave
 * predictions as they are, up to rounding.
 *
 * ```ts
 * const model = withoutDirections(buildModel("transformer-nfn", spec), directions);
 * ```
 * @throws {OptionError} for a direction that the model's spec does not have
 */
export function withoutDirections(model: Model, directions: readonly RemovedDirection[]): Model {
  for (const direction of directions) check(model, direction);
  const project = (weights: WeightBatch): WeightBatch => {
    const result = { ...weights };
    for (const direction of directions) {
      const { tensor, dimension } = direction;
      const { shape } = model.spec.tensors[tensor];
      result[tensor] = projected(result[tensor], dimension, constantFor(result, direction, shape));
    }
    return result;
  };
  const { staged, vector, ...rest } = model;
  return {
    ...rest,
    name: `${model.name}, projected`,
    apply: (params, weights, options) => model.apply(params, project(weights), options),
    ...(staged && {
      staged: { ...staged, toFeatures: (weights) => staged.toFeatures(project(weights)) },
    }),
    ...(vector && { vector: { ...vector, read: (weights) => vector.read(project(weights)) } }),
  };
}

function check({ name, spec }: Model, { tensor, dimension, gain }: RemovedDirection): void {
  const shape = Object.hasOwn(spec.tensors, tensor) ? spec.tensors[tensor].shape : undefined;
  const where = `withoutDirections: ${name}: dimension ${dimension} of tensor "${tensor}"`;
  const size = shape?.[dimension];
  if (size === undefined)
    throw new OptionError(`${where} is not in the model's spec; give directions of its networks`);
  if (gain === undefined) return;
  const gains = Object.hasOwn(spec.tensors, gain) ? spec.tensors[gain].shape : [];
  if (gains.length !== 1 || gains[0] !== size)
    throw new OptionError(`${where} has ${size} entries, "${gain}" is no tensor of so many gains`);
}

/** The constant along a dimension: 1 over the gains [batch, 1..., size, 1...]; null where it is 1. */
function constantFor(
  weights: WeightBatch,
  { dimension, gain }: RemovedDirection,
  shape: readonly number[],
): np.Array | null {
  if (gain === undefined) return null;
  const gains = weights[gain].ref;
  const channels = gains.shape.slice(2).map(() => 1);
  const spread = shape.map((size, i) => (i === dimension ? size : 1));
  return np.reciprocal(gains).reshape([gains.shape[0], ...spread, ...channels]);
}

/** x without its part along a constant; both are consumed. */
function projected(x: np.Array, dimension: number, constant: np.Array | null): np.Array {
  const axis = dimension + 1; // behind the batch
  if (constant === null) return np.subtract(x.ref, np.mean(x, axis, { keepdims: true }));
  const along = np.sum(np.multiply(x.ref, constant.ref), axis, { keepdims: true });
  const square = np.sum(np.multiply(constant.ref, constant.ref), axis, { keepdims: true });
  return np.subtract(x, np.multiply(constant, np.divide(along, square)));
}
