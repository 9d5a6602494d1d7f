// Places: where free leaves stand in the dimensions of values, numbered, so that facts can say how scalings travel.

import { type Atom, find, leavesOf } from "../index-sets/atoms.ts";
import type { Value } from "../walk/value.ts";

export interface LeafPlace {
  readonly leaf: Atom;
  readonly unknown: number;
}

export interface LeafPlaces {
  /** Free leaves of one dimension in order, each with its unknown exponent; constants have none. */
  at(value: Value, dim: number): readonly LeafPlace[];
  all(value: Value): readonly LeafPlace[];
}

/** Places are numbered as they are asked for, once for all ways of scaling. */
export function placesOf(): LeafPlaces {
  let count = 0;
  const known = new Map<Value, (readonly LeafPlace[])[]>();
  const leaves = new Map<Atom, readonly Atom[]>();
  const freeLeaves = (dim: Atom) => {
    const root = find(dim);
    const found = leaves.get(root) ?? leavesOf(root).filter((leaf) => !leaf.fixed);
    leaves.set(root, found);
    return found;
  };
  const dimensions = (value: Value) => {
    let found = known.get(value);
    if (found === undefined) {
      const none = value.origin === "constant";
      found = value.dims.map((dim) =>
        none ? [] : freeLeaves(dim).map((leaf) => ({ leaf, unknown: count++ })),
      );
      known.set(value, found);
    }
    return found;
  };
  const flat = new Map<Value, readonly LeafPlace[]>();
  return {
    at: (value, dim) => dimensions(value)[dim] ?? [],
    all(value) {
      const found = flat.get(value) ?? dimensions(value).flat();
      flat.set(value, found);
      return found;
    },
  };
}

/** How many free leaves stand before a position of a dimension; null when the position falls inside a product. */
export function leavesBefore(dim: Atom, position: number): number | null {
  const root = find(dim);
  if (position === 0) return 0;
  if (position === root.size) return leavesOf(root).filter((leaf) => !leaf.fixed).length;
  if (root.parts?.kind !== "sum") return null;
  let start = 0;
  let count = 0;
  for (const part of root.parts.parts) {
    if (position < start + part.size) {
      const inside = leavesBefore(part, position - start);
      return inside === null ? null : count + inside;
    }
    start += part.size;
    count += leavesBefore(part, part.size) ?? 0;
  }
  return count;
}
