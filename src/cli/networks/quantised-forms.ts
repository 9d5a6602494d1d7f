// Quantised weights are read and not written: what commands say where they would have to write some.

import { UnsupportedError } from "../../core/errors.ts";
import { visibleName } from "../../core/visible.ts";
import { readOnly } from "../../checkpoints/quantised-check.ts";
import { quantisedWeights } from "../../compare/conversions/composed.ts";
import type { TensorSource } from "../../formats/tensor-source.ts";
import type { Cli } from "../app/context.ts";

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
