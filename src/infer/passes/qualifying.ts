// Leaves that can be scaled in the weights, from the exponents of their places.

import type { LeafScale } from "../assembly/build-spec.ts";
import type { Atom } from "../index-sets/atoms.ts";
import type { Value } from "../walk/value.ts";
import type { Exponents } from "./exponents.ts";
import { placeIn, placeKey, type WeightPlace, type WeightPlaces } from "./weight-places.ts";

/** With which power of which factor one place scales. */
export interface PlacePower {
  /** The linked set that it scales with. */
  readonly root: number;
  readonly power: -1 | 0 | 1;
}

/** How a leaf scales in the weights. */
export interface LeafPowers {
  /** Where the leaf stands, weights with fewer dimensions first. */
  readonly places: () => readonly WeightPlace[];
  /** How a place of it scales; undefined where it has no such place. */
  readonly at: (weight: Value, dimension: number, place: number) => PlacePower | undefined;
  /** Linked sets that scale, each by a factor of its own. */
  readonly roots: ReadonlySet<number>;
  /** Every place of the leaf scales. */
  readonly isComplete: boolean;
}

/** Leaves that scale at some place in a weight and are not known yet, with the power of each place. */
export function qualifying(
  at: WeightPlaces,
  unknowns: Exponents,
  known: ReadonlyMap<Atom, LeafScale>,
): Map<Atom, LeafPowers> {
  const { leaves, leafAt, unknownAt, ranked } = at;
  const found = new Map<Atom, LeafPowers>();
  const isMoving = movingLeaves(at, unknowns, known);
  if (isMoving === null) return found;
  const facing = facingOf(at, unknowns);
  const rootAt = new Int32Array(leafAt.length);
  const powerAt = new Int8Array(leafAt.length);
  const placesOfLeaf = new Map<number, number[]>();
  for (const place of ranked) {
    const leaf = leafAt[place];
    if (isMoving[leaf] === 0) continue;
    const root = unknowns.root(unknownAt[place]);
    const exponent = unknowns.isZero(root) ? 0 : (facing.get(root) ?? 0);
    rootAt[place] = root;
    powerAt[place] = exponent === 0 ? 0 : unknowns.factor(unknownAt[place]) / exponent > 0 ? 1 : -1;
    const known = placesOfLeaf.get(leaf);
    if (known === undefined) placesOfLeaf.set(leaf, [place]);
    else known.push(place);
  }
  for (const [leaf, places] of placesOfLeaf) {
    const moving = places.filter((place) => powerAt[place] !== 0);
    if (moving.length === 0) continue;
    const sorted = remembered(() => [...places].sort((a, b) => a - b));
    found.set(leaves[leaf], {
      places: () => places.map((place) => placeIn(at, place)),
      at(weight, dimension, place) {
        const index = at.indexOf.get(weight);
        const here =
          index === undefined ? -1 : findPlace(at, sorted(), index, placeKey(dimension, place));
        return here === -1
          ? undefined
          : { root: rootAt[here], power: powerAt[here] as PlacePower["power"] };
      },
      roots: new Set(moving.map((place) => rootAt[place])),
      isComplete: moving.length === places.length,
    });
  }
  return found;
}

function remembered<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** The place of a leaf that lies in a weight under a key, among all its places in order; -1 when there is none. */
function findPlace(
  { weightAt, keyAt }: WeightPlaces,
  places: readonly number[],
  weight: number,
  key: number,
): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = places[middle];
    if (weightAt[at] < weight || (weightAt[at] === weight && keyAt[at] < key)) low = middle + 1;
    else high = middle;
  }
  const found = places[low];
  return found !== undefined && weightAt[found] === weight && keyAt[found] === key ? found : -1;
}

/** A 1 for leaves that are not known yet, with an exponent that is not 0 at some place in a weight; null when there is none. */
function movingLeaves(
  { leaves, leafAt, unknownAt }: WeightPlaces,
  unknowns: Exponents,
  known: ReadonlyMap<Atom, LeafScale>,
): Uint8Array | null {
  const isKnown = leaves.map((leaf) => known.has(leaf));
  const isMoving = new Uint8Array(leaves.length);
  let some = false;
  for (let place = 0; place < leafAt.length; place++) {
    const leaf = leafAt[place];
    if (isMoving[leaf] === 1 || isKnown[leaf] || unknowns.isZero(unknownAt[place])) continue;
    isMoving[leaf] = 1;
    some = true;
  }
  return some ? isMoving : null;
}

/**
 * The factor of the first place seen of every linked set, which scales by the factor itself; 0 where other places scale by
 * another power than that or its inverse.
 */
function facingOf({ unknownAt, ranked }: WeightPlaces, unknowns: Exponents): Map<number, number> {
  const facing = new Map<number, number>();
  for (const place of ranked) {
    const root = unknowns.root(unknownAt[place]);
    const factor = unknowns.factor(unknownAt[place]);
    const first = facing.get(root);
    if (first === undefined) facing.set(root, factor);
    else if (first !== 0 && !(Math.abs(Math.abs(factor) - Math.abs(first)) < 1e-9))
      facing.set(root, 0);
  }
  return facing;
}
