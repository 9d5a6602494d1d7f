// Checks a batch of named arrays against a spec before any of them is touched.

import type { numpy as np } from "@jax-js/jax";
import { ShapeError } from "../core/errors.ts";
import { equalShapes, formatShape } from "../core/shapes.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";

/**
 * Every tensor of the spec, no other, each [batch, ...shape, channels] with one batch size (channels may be left out
 * when there is one; with null there are none, and an axis of length 1 is refused too). @throws {ShapeError} naming the tensor.
 */
export function checkBatch(
  spec: SymmetrySpec,
  arrays: { readonly [tensor: string]: np.Array },
  channels: number | null,
): void {
  const after = channels === null || channels === 1 ? [] : [channels];
  let first: { name: string; batch: number } | undefined;
  for (const [name, { shape }] of Object.entries(spec.tensors)) {
    if (!Object.hasOwn(arrays, name)) {
      const given = Object.keys(arrays).slice(0, 8).join(", ") || "none";
      throw new ShapeError(`weights: tensor "${name}" of the spec is missing; given are ${given}`);
    }
    const [batch, ...rest] = arrays[name].shape;
    if (
      !equalShapes(rest, [...shape, ...after]) &&
      !(channels === 1 && equalShapes(rest, [...shape, 1]))
    ) {
      const expected = [...shape, ...after].join(", ");
      throw new ShapeError(
        `weights: tensor "${name}" has shape ${formatShape(arrays[name].shape)}, expected [batch${expected && `, ${expected}`}]`,
      );
    }
    first ??= { name, batch };
    if (batch !== first.batch) {
      throw new ShapeError(
        `weights: tensor "${name}" holds ${batch} networks but "${first.name}" holds ${first.batch}`,
      );
    }
  }
  const unknown = Object.keys(arrays).find((name) => !Object.hasOwn(spec.tensors, name));
  if (unknown !== undefined) {
    throw new ShapeError(
      `weights: tensor "${unknown}" is not in the spec; leave it out or add its axes`,
    );
  }
}
