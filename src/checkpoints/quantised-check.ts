// Quantised weights are read and not written: a network that was moved may hold them in another order, and not rounded.

import { OptionError, UnsupportedError } from "../core/errors.ts";
import type { Tensor } from "../core/tensors.ts";
import { visibleName } from "../core/visible.ts";
import { quantisedWeights } from "../compare/conversions/composed.ts";
import { narrow } from "../formats/narrow.ts";
import type { SafeDtype } from "../formats/safetensors/safetensors-dtypes.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { widen } from "../formats/widen.ts";

/** The beginning of every sentence that says so. */
export const readOnly = "quantised forms are read, not written";

/** Whether a format holds all numbers of a tensor as they are. */
function isKept(tensor: Tensor, dtype: SafeDtype, name: string): boolean {
  try {
    const kept = widen(narrow(tensor, dtype, name), name);
    return kept.data.every((x, i) => x === tensor.data[i]);
  } catch (error) {
    if (error instanceof OptionError) return false; // a whole number format that lacks them
    throw error;
  }
}

/**
 * A check for tensors that were moved: those with scales of their own must still be the same numbers in another order.
 * @returns checks one tensor; {UnsupportedError} where its format would round it
 */
export function quantisedCheck(source: TensorSource): (name: string, moved: Tensor) => void {
  const scales = quantisedWeights(source);
  return (name, moved) => {
    const dtype = source.entries.get(name)?.dtype;
    if (!scales.has(name) || dtype === undefined) return;
    if (isKept(moved, dtype, name)) return;
    throw new UnsupportedError(
      `tensor "${visibleName(name)}" is stored as ${dtype} with its scales in "${visibleName(scales.get(name) ?? "")}", and a scale or a basis would change its numbers: ${readOnly}; take the checkpoint before it was quantised`,
    );
  };
}
