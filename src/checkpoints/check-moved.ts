// Looks at a network that was moved and written: the inverse of the element must give the old numbers back, and everything
// else is unchanged.

import { EnvironmentError, OptionError } from "../core/errors.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { rootMeanSquare } from "../parts/features/messages.ts";
import { actOnTensor } from "../symmetry/act.ts";
import { type GroupElement, invertElement } from "../symmetry/element.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { Network } from "./network.ts";

/** What moving a written network back showed. */
export interface MovedBack {
  /** Tensors outside the symmetries, equal byte by byte. */
  readonly copied: number;
  /** Largest difference of a tensor moved back, in units of its root mean square. */
  readonly largestDeviation: number;
}

/** Whether an element changes numbers, beyond their signs and places. */
export const isScaling = (element: GroupElement): boolean =>
  Object.values(element).some(
    ({ scales, windings, matrices }) =>
      matrices !== undefined ||
      windings?.some((ofInstance) => ofInstance.some((k) => k !== 0)) === true ||
      scales?.some((factors) => factors.some((factor) => Math.abs(factor) !== 1)) === true,
  );

/** Rounding of a number format relative to a number, with room for scalings. */
const roundings: Readonly<Record<string, number>> = { F64: 1e-6, F32: 1e-2, F16: 0.03, BF16: 0.2 };

/**
 * Compares a network with what was written after an element had moved it; `out` is how messages call that.
 * @throws {EnvironmentError} {OptionError} naming a tensor that is not what was to be written
 */
export async function checkMoved(
  out: string,
  { source }: Pick<Network, "source">,
  written: TensorSource,
  spec: SymmetrySpec,
  element: GroupElement,
): Promise<MovedBack> {
  const back = invertElement(spec, element);
  let copied = 0;
  let largestDeviation = 0;
  for (const [name, { dtype }] of source.entries) {
    if (!Object.hasOwn(spec.tensors, name)) {
      const [old, now] = [await source.readStored(name), await written.readStored(name)];
      if (old.dtype !== now.dtype || old.data.some((byte, i) => byte !== now.data[i]))
        throw new EnvironmentError(
          `${out}: tensor "${name}" is not what was to be written; check the disk and run again`,
        );
      copied++;
      continue;
    }
    const old = (await source.read(name)).data;
    const now = actOnTensor(spec, back, name, await written.read(name)).data;
    const unit = rootMeanSquare(old) || 1;
    let largest = 0;
    for (let i = 0; i < old.length; i++) largest = Math.max(largest, Math.abs(old[i] - now[i]));
    largestDeviation = Math.max(largestDeviation, largest / unit);
    if (!(largest / unit <= (roundings[dtype] ?? 1)))
      throw new OptionError(
        `${out} was not written: tensor "${name}" moved back differs from the original by ${(largest / unit).toPrecision(2)} of its root mean square, more than rounding to ${dtype} explains: the scales lie too far apart for ${dtype}; convert the checkpoint to ${dtype === "F16" || dtype === "BF16" ? "F32" : "F64"} and run again`,
      );
  }
  return { copied, largestDeviation };
}
