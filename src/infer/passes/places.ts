// Places: where free leaves stand in the dimensions of values, numbered, so that facts can say how scalings travel.

import { type Atom, find, leavesOf } from "../index-sets/atoms.ts";
import type { CarryOptions, Value } from "../walk/value.ts";

/** Free leaves in a row, in order; the exponent of leaf i is the unknown number `first` + i. */
export interface LeafPlaces {
  readonly leaves: readonly Atom[];
  readonly first: number;
}

/** The free leaves of one value, by dimension and all together; constants have none. */
export interface ValuePlaces {
  readonly dims: readonly LeafPlaces[];
  readonly all: LeafPlaces;
}

export const noPlaces: LeafPlaces = { leaves: [], first: 0 };

/** Some of the places in a row. */
export const slicePlaces = (
  { leaves, first }: LeafPlaces,
  from: number,
  to: number,
): LeafPlaces => ({
  leaves: leaves.slice(from, to),
  first: first + Math.min(from, leaves.length),
});

/** Places of values, numbered as they are asked for. */
export interface Places {
  readonly of: (value: Value) => ValuePlaces;
  /** How many are numbered so far. */
  readonly count: () => number;
}

/** Places of the values of one graph. */
export function placesOf(): Places {
  let count = 0;
  const known = new Map<Value, ValuePlaces>();
  const freeLeaves = new Map<Atom, readonly Atom[]>();
  const leavesIn = (dim: Atom): readonly Atom[] => {
    const root = find(dim);
    let found = freeLeaves.get(root);
    if (found === undefined) {
      found = leavesOf(root).filter((leaf) => !leaf.fixed);
      freeLeaves.set(root, found);
    }
    return found;
  };
  const make = ({ dims: atoms, origin }: Value): ValuePlaces => {
    const dims: LeafPlaces[] = [];
    const first = count;
    let only: readonly Atom[] | undefined;
    for (const atom of atoms) {
      const leaves = origin === "constant" ? noPlaces.leaves : leavesIn(atom);
      dims.push({ leaves, first: count });
      count += leaves.length;
      if (leaves.length > 0) only = only === undefined ? leaves : [...only, ...leaves];
    }
    return { dims, all: { leaves: only ?? noPlaces.leaves, first } };
  };
  return {
    of: (value) => {
      let found = known.get(value);
      if (found === undefined) {
        found = make(value);
        known.set(value, found);
      }
      return found;
    },
    count: () => count,
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

/**
 * For every free leaf of `from` in order, which one of `to` has its entries when entries are dealt out in turns (or, backward,
 * put together again); null where none has.
 */
export function dealtTo(
  from: Atom,
  to: Atom,
  { turns, backward }: NonNullable<CarryOptions["deal"]>,
): (number | null)[] {
  const rows = backward ? turns : from.size / turns;
  const columns = from.size / rows;
  const targets = firstPositions(to);
  return firstPositions(from).map(({ leaf, position }) => {
    const target = (position % rows) * columns + Math.floor(position / rows);
    const at = targets.findIndex((other) => other.leaf === leaf && other.position === target);
    return at === -1 ? null : at;
  });
}

/** Free leaves of a dimension in the order of `leavesOf`, each with the position of its first entry. */
function firstPositions(dim: Atom): { readonly leaf: Atom; readonly position: number }[] {
  const found: { readonly leaf: Atom; readonly position: number }[] = [];
  const visit = (atom: Atom, start: number, stride: number): void => {
    const root = find(atom);
    if (root.size === 1) return;
    if (root.parts === null) {
      if (!root.fixed) found.push({ leaf: root, position: start });
      return;
    }
    const { kind, parts } = root.parts;
    let before = 0;
    let within = root.size;
    for (const [turn, part] of parts.entries()) {
      within /= part.size;
      if (kind === "product") visit(part, start, stride * within);
      else if (kind === "interleaved") visit(part, start + turn * stride, stride * parts.length);
      else visit(part, start + before * stride, stride);
      before += part.size;
    }
  };
  visit(dim, 0, 1);
  return found;
}
