// Quantised weights are read and not written: what commands say where they would have to write some.

import { OptionError, UnsupportedError } from "../../core/errors.ts";
import type { Tensor } from "../../core/tensors.ts";
import { visibleName } from "../../core/visible.ts";
import { quantisedWeights } from "../../compare/conversions/composed.ts";
import { narrow } from "../../formats/narrow.ts";
import type { SafeDtype } from "../../formats/safetensors/safetensors-dtypes.ts";
import type { TensorSource } from "../../formats/tensor-source.ts";
import { widen } from "../../formats/widen.ts";
import type { Cli } from "../app/context.ts";

/** The beginning of every such sentence. */
const readOnly = "quantised forms are read, not written";

/** Says that tensors which a file holds quantised are written as plain numbers. */
export function sayMultipliedOut(cli: Cli, { location, entries }: TensorSource): void {
  const kinds = new Map<string, number>();
  for (const { stored, unreadable } of entries.values())
    if (stored !== undefined && unreadable === undefined)
      kinds.set(stored, (kinds.get(stored) ?? 0) + 1);
  if (kinds.size === 0) return;
  const counts = [...kinds].map(([kind, count]) => `${count} of ${kind}`).join(", ");
  cli.output.note(
    `note: ${location}: ${readOnly}: tensors stored otherwise (${counts}) are written as plain numbers, multiplied out`,
  );
}

/**
 * @throws {UnsupportedError} for whole numbers or small floats with scales of their own that differ between files: neither has
 * an average without the other
 */
export async function refuseQuantisedMerge(sources: readonly TensorSource[]): Promise<void> {
  const [first, ...others] = sources;
  for (const [weight, scale] of quantisedWeights(first))
    for (const name of [weight, scale])
      for (const other of others)
        if (other.entries.has(name) && !(await isSame(name, first, other)))
          throw new UnsupportedError(
            `merge: tensor "${visibleName(weight)}" is stored as ${first.entries.get(weight)?.dtype} with its scales in "${visibleName(scale)}": ${readOnly}; merge the checkpoints before they were quantised`,
          );
}

async function isSame(name: string, a: TensorSource, b: TensorSource): Promise<boolean> {
  const [left, right] = [await a.readStored(name), await b.readStored(name)];
  return left.dtype === right.dtype && left.data.every((byte, i) => byte === right.data[i]);
}

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
