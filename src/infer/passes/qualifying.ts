// Leaves that can be scaled in the weights, from the exponents of their places.

import type { Atom } from "../index-sets/atoms.ts";
import type { Value } from "../walk/value.ts";
import type { Exponents } from "./exponents.ts";
import type { LeafPlaces } from "./places.ts";

/** With which power of which factor one place scales. */
export interface PlacePower {
  /** The linked set that it scales with. */
  readonly root: number;
  readonly power: -1 | 0 | 1;
}

/** How a leaf scales in the weights. */
export interface LeafPowers {
  /** By weight and place, `dimension:n` for its n-th place in a dimension. */
  readonly powers: Map<Value, Map<string, PlacePower>>;
  /** Linked sets that scale, each by a factor of its own. */
  readonly roots: Set<number>;
  /** Every place of the leaf scales. */
  whole: boolean;
}

/** Leaves that scale at some place in a weight, with the power of each place. */
export function qualifying(
  weights: readonly Value[],
  places: LeafPlaces,
  unknowns: Exponents,
): Map<Atom, LeafPowers> {
  const found = new Map<Atom, LeafPowers>();
  const ranked = weights
    .map((value, i) => ({ value, i }))
    .sort((a, b) => a.value.dims.length - b.value.dims.length || a.i - b.i)
    .map(({ value }) => value);
  const facing = facingOf(ranked, places, unknowns);
  for (const value of ranked) {
    for (const dimension of value.dims.keys()) {
      const counts = new Map<Atom, number>();
      for (const { leaf, unknown } of places.at(value, dimension)) {
        const place = counts.get(leaf) ?? 0;
        counts.set(leaf, place + 1);
        const [root, factor] = unknowns.root(unknown);
        const first = unknowns.isZero(unknown) ? 0 : (facing.get(root) ?? 0);
        const power = first === 0 ? 0 : factor / first > 0 ? 1 : -1;
        const own = found.get(leaf) ?? { powers: new Map(), roots: new Set(), whole: true };
        const inValue = own.powers.get(value) ?? new Map<string, PlacePower>();
        own.powers.set(value, inValue.set(`${dimension}:${place}`, { root, power }));
        if (power === 0) own.whole = false;
        else own.roots.add(root);
        found.set(leaf, own);
      }
    }
  }
  for (const [leaf, { roots }] of found) if (roots.size === 0) found.delete(leaf);
  return found;
}

/**
 * The factor of the first place seen of every linked set, which scales by the factor itself; 0 where other places scale by
 * another power than that or its inverse.
 */
function facingOf(
  ranked: readonly Value[],
  places: LeafPlaces,
  unknowns: Exponents,
): Map<number, number> {
  const facing = new Map<number, number>();
  for (const value of ranked) {
    for (const { unknown } of places.all(value)) {
      const [root, factor] = unknowns.root(unknown);
      const first = facing.get(root) ?? factor;
      const fits = Math.abs(Math.abs(factor) - Math.abs(first)) < 1e-9;
      facing.set(root, fits ? first : 0);
    }
  }
  return facing;
}
