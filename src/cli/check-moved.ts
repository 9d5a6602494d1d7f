// Looks at what was written: the inverse of the element must give the old network back, and everything else is unchanged.

import { rootMeanSquare } from "../align/messages.ts";
import { EnvironmentError, OptionError } from "../core/errors.ts";
import { actOnTensor } from "../group/act.ts";
import { type GroupElement, invertElement } from "../group/element.ts";
import type { SymmetrySpec } from "../spec/types.ts";
import { openCheckpoint } from "./checkpoint-spec.ts";
import type { Network } from "./networks.ts";

export interface Verified {
  /** Tensors outside the symmetries, equal byte by byte. */
  readonly copied: number;
  /** Largest difference of a tensor moved back, in units of its root mean square. */
  readonly largestDeviation: number;
}

/** Rounding of a number format relative to a number, with room for scalings. */
const roundings: Readonly<Record<string, number>> = { F64: 1e-6, F32: 1e-2, F16: 0.03, BF16: 0.2 };

/** @throws {EnvironmentError} {OptionError} naming a tensor that is not what was to be written */
export async function checkMoved(
  out: string,
  { source }: Network,
  spec: SymmetrySpec,
  element: GroupElement,
): Promise<Verified> {
  const back = invertElement(spec, element);
  const written = await openCheckpoint(out);
  let copied = 0;
  let largestDeviation = 0;
  try {
    for (const [name, { dtype }] of source.entries) {
      if (!Object.hasOwn(spec.tensors, name)) {
        const [old, now] = [await source.readStored(name), await written.readStored(name)];
        if (old.dtype !== now.dtype || old.data.some((byte, i) => byte !== now.data[i]))
          throw new EnvironmentError(
            `${out}: tensor "${name}" is not what was written; check the disk and run again`,
          );
        copied++;
        continue;
      }
      const old = (await source.read(name)).data;
      const now = actOnTensor(spec, back, name, await written.read(name)).data;
      const unit = rootMeanSquare(old) || 1;
      let most = 0;
      for (let i = 0; i < old.length; i++) most = Math.max(most, Math.abs(old[i] - now[i]));
      largestDeviation = Math.max(largestDeviation, most / unit);
      if (!(most / unit <= (roundings[dtype] ?? 1)))
        throw new OptionError(
          `${out}: tensor "${name}" moved back differs from the original by ${(most / unit).toPrecision(2)} of its spread, more than rounding to ${dtype} explains: the scales lie too far apart for ${dtype}; convert the checkpoint to ${dtype === "F16" || dtype === "BF16" ? "F32" : "F64"} and run again, and do not use this file`,
        );
    }
  } finally {
    await written.close();
  }
  return { copied, largestDeviation };
}
