// Named weights as flat rows, for models that ignore structure.

import { numpy as np } from "@jax-js/jax";
import { ShapeError } from "../core/errors.ts";
import { formatShape, sizeOf } from "../core/shapes.ts";
import type { SymmetrySpec } from "../spec/types.ts";
import type { WeightBatch } from "./model.ts";

/** One array [batch, entries] per tensor of the spec, in its order; consumes. @throws {ShapeError} */
export function flattenTensors(spec: SymmetrySpec, weights: WeightBatch): np.Array[] {
  return Object.entries(spec.tensors).map(([name, { shape }]) => {
    const x = Object.hasOwn(weights, name) ? weights[name] : undefined;
    if (x === undefined)
      throw new ShapeError(`flattenTensors: tensor "${name}" of the spec is missing`);
    const entries = sizeOf(shape);
    if (x.size !== x.shape[0] * entries) {
      throw new ShapeError(
        `flattenTensors: tensor "${name}" has shape ${formatShape(x.shape)}, expected [batch, ${shape.join(", ")}]`,
      );
    }
    return np.reshape(x, [x.shape[0], entries]);
  });
}
