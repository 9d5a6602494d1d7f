// Why every axis is what it is: the operations that tied, split or fixed it, by name.

import { type Atom, leavesOf } from "../index-sets/atoms.ts";
import type { Value } from "../walk/value.ts";

/** Why a dimension has the axis it has, or has none. */
export interface Explanation {
  /** Axis of the spec, or null for a fixed dimension that has no name. */
  readonly axis: string | null;
  readonly size: number;
  readonly fixed: boolean;
  /** Tensors that have it, with the dimension. */
  readonly places: readonly string[];
  /** What keeps a fixed one in place. */
  readonly fixedBy: string | null;
  /** Operations that tied it to other axes or split it. */
  readonly reasons: readonly string[];
  /** Any matrix may change it: a residual stream without a norm. Its group is a part of what is possible, see the guide to specs. */
  readonly anyBasis: boolean;
}

/** One explanation for every leaf of every weight, in the order of the file. */
export function explain(
  weights: readonly Value[],
  names: ReadonlyMap<Atom, string>,
  streams: ReadonlySet<Atom>,
): Explanation[] {
  const places = new Map<Atom, Set<string>>();
  for (const value of weights) {
    for (const [dimension, dim] of value.dims.entries()) {
      for (const leaf of leavesOf(dim)) {
        const known = places.get(leaf) ?? new Set();
        places.set(leaf, known.add(`${value.name}[${dimension}]`));
      }
    }
  }
  return [...places].map(([leaf, where]) =>
    Object.freeze({
      axis: names.get(leaf) ?? null,
      size: leaf.size,
      fixed: leaf.fixed,
      fixedBy: leaf.because,
      places: Object.freeze([...where]),
      reasons: Object.freeze([...leaf.reasons]),
      anyBasis: streams.has(leaf),
    }),
  );
}
