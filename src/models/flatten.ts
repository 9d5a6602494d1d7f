// Named weights as flat rows, for models that ignore structure.

import { numpy as np } from "@jax-js/jax";
import { sizeOf } from "../core/shapes.ts";
import { checkBatch } from "../layers/check-batch.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { WeightBatch } from "./model.ts";

/** One array [batch, entries] per tensor of the spec, in its order. @consumes @throws {ShapeError} */
export function flattenTensors(spec: SymmetrySpec, weights: WeightBatch): np.Array[] {
  checkBatch(spec, weights, 1);
  return Object.entries(spec.tensors).map(([name, { shape }]) =>
    np.reshape(weights[name], [weights[name].shape[0], sizeOf(shape)]),
  );
}
