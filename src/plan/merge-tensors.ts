// Atomic tensors that have the same dimensions and role, side by side in one: their fixed sizes add up. Maps between merged
// tensors mix all fixed entries, so they are exactly the maps between all their members, in far fewer and larger arrays.

import type { AtomicTensor, LoweredSpec } from "../symmetry/lower.ts";
import { powerOf } from "../symmetry/parts.ts";
import { isRead, isWritten } from "../symmetry/formula.ts";

export interface MergedSpec extends LoweredSpec {
  /** Per merged tensor: the atomic tensors it is made of, in the order of its fixed entries. */
  readonly members: readonly (readonly AtomicTensor[])[];
}

const kindOf = ({ dims, role = "both" }: AtomicTensor): string =>
  `${role}:${dims.map((dim) => `${dim.axis}@${dim.parent}^${powerOf(dim)}`).join()}`;

/**
 * Tensors in the order of their first members, without those that are neither read nor written. The trees of the spec still
 * lead to the members.
 */
export function mergeTensors(lowered: LoweredSpec): MergedSpec {
  const kinds = new Map<string, AtomicTensor[]>();
  for (const tensor of lowered.tensors.filter((t) => isRead(t) || isWritten(t))) {
    const kind = kindOf(tensor);
    const known = kinds.get(kind);
    if (known === undefined) kinds.set(kind, [tensor]);
    else known.push(tensor);
  }
  const members = [...kinds.values()];
  const tensors = members.map((list, id): AtomicTensor => {
    const [{ name, source, dims, role }] = list;
    const fixedSize = list.reduce((sum, tensor) => sum + tensor.fixedSize, 0);
    return {
      id,
      name: list.length === 1 ? name : `${name} and ${list.length - 1} more`,
      source,
      dims,
      fixed: [{ axis: null, size: fixedSize }],
      fixedSize,
      order: dims.map((_, dim) => dim),
      ...(role !== undefined && { role }),
    };
  });
  return Object.freeze({ ...lowered, tensors, members });
}

/** The members of a tensor, whether it was merged or not. */
export function membersOf(lowered: LoweredSpec, tensor: number): readonly AtomicTensor[] {
  return (lowered as Partial<MergedSpec>).members?.[tensor] ?? [lowered.tensors[tensor]];
}
