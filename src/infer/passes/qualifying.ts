// Leaves that can be scaled in the weights, from the exponents of their places.

import type { LeafScale } from "../assembly/build-spec.ts";
import type { Atom } from "../index-sets/atoms.ts";
import type { Value } from "../walk/value.ts";
import type { Exponents } from "./exponents.ts";
import type { ValuePlaces } from "./places.ts";

/** With which power of which factor one place scales. */
export interface PlacePower {
  /** The linked set that it scales with. */
  readonly root: number;
  readonly power: -1 | 0 | 1;
}

/** How a leaf scales in the weights. */
export interface LeafPowers {
  /** By weight and place. */
  readonly powers: Map<Value, Map<number, PlacePower>>;
  /** Linked sets that scale, each by a factor of its own. */
  readonly roots: Set<number>;
  /** Every place of the leaf scales. */
  isComplete: boolean;
}

/** The place of a leaf in a dimension as one number: a dimension has less than 2^32 leaves. */
export const placeKey = (dimension: number, place: number): number => dimension * 2 ** 32 + place;

/** The dimension and the place of such a number. */
export const placeOf = (key: number): readonly [dimension: number, place: number] => [
  Math.floor(key / 2 ** 32),
  key % 2 ** 32,
];

/** Leaves that scale at some place in a weight and are not known yet, with the power of each place. */
export function qualifying(
  weights: readonly Value[],
  places: (value: Value) => ValuePlaces,
  unknowns: Exponents,
  known: ReadonlyMap<Atom, LeafScale>,
): Map<Atom, LeafPowers> {
  const found = new Map<Atom, LeafPowers>();
  const moving = movingLeaves(weights, places, unknowns, known);
  if (moving.size === 0) return found;
  const ranked = weights
    .map((value, i) => ({ value, i }))
    .sort((a, b) => a.value.dims.length - b.value.dims.length || a.i - b.i)
    .map(({ value }) => value);
  const facing = facingOf(ranked, places, unknowns);
  for (const value of ranked) {
    for (const [dimension, { leaves, first }] of places(value).dims.entries()) {
      const counts = new Map<Atom, number>();
      for (const [i, leaf] of leaves.entries()) {
        if (!moving.has(leaf)) continue;
        const place = counts.get(leaf) ?? 0;
        counts.set(leaf, place + 1);
        const root = unknowns.root(first + i);
        const exponent = unknowns.isZero(root) ? 0 : (facing.get(root) ?? 0);
        const power = exponent === 0 ? 0 : unknowns.factor(first + i) / exponent > 0 ? 1 : -1;
        const powers = found.get(leaf) ?? { powers: new Map(), roots: new Set(), isComplete: true };
        const inValue = powers.powers.get(value) ?? new Map<number, PlacePower>();
        powers.powers.set(value, inValue.set(placeKey(dimension, place), { root, power }));
        if (power === 0) powers.isComplete = false;
        else powers.roots.add(root);
        found.set(leaf, powers);
      }
    }
  }
  for (const [leaf, { roots }] of found) if (roots.size === 0) found.delete(leaf);
  return found;
}

/** Leaves that are not known yet, with an exponent that is not 0 at some place in a weight. */
function movingLeaves(
  weights: readonly Value[],
  places: (value: Value) => ValuePlaces,
  unknowns: Exponents,
  known: ReadonlyMap<Atom, LeafScale>,
): Set<Atom> {
  const moving = new Set<Atom>();
  for (const value of weights) {
    const { leaves, first } = places(value).all;
    for (const [i, leaf] of leaves.entries())
      if (!unknowns.isZero(first + i) && !known.has(leaf)) moving.add(leaf);
  }
  return moving;
}

/**
 * The factor of the first place seen of every linked set, which scales by the factor itself; 0 where other places scale by
 * another power than that or its inverse.
 */
function facingOf(
  ranked: readonly Value[],
  places: (value: Value) => ValuePlaces,
  unknowns: Exponents,
): Map<number, number> {
  const facing = new Map<number, number>();
  for (const value of ranked) {
    const { leaves, first: start } = places(value).all;
    for (let unknown = start; unknown < start + leaves.length; unknown++) {
      const root = unknowns.root(unknown);
      const factor = unknowns.factor(unknown);
      const first = facing.get(root) ?? factor;
      const fits = Math.abs(Math.abs(factor) - Math.abs(first)) < 1e-9;
      facing.set(root, fits ? first : 0);
    }
  }
  return facing;
}
