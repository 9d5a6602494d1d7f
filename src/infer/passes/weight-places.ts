// The places of free leaves in weights as flat lists, made once for all ways of scaling.

import { sizeOf } from "../../core/shapes.ts";
import type { Atom } from "../index-sets/atoms.ts";
import { shapeOfValue, type Value } from "../walk/value.ts";
import type { Places } from "./places.ts";

/** Places in the order of the weights, those of one weight in the order of its dimensions. */
export interface WeightPlaces {
  readonly weights: readonly Value[];
  /** The position of a weight. */
  readonly indexOf: ReadonlyMap<Value, number>;
  /** Entries of every weight. */
  readonly sizes: readonly number[];
  /** Leaves that weights have. */
  readonly leaves: readonly Atom[];
  /** By place: position in `weights`. */
  readonly weightAt: readonly number[];
  /** By place: position in `leaves`. */
  readonly leafAt: readonly number[];
  /** By place: the unknown that says how it scales. */
  readonly unknownAt: readonly number[];
  /** By place: dimension and place of the leaf in it, as `placeKey` joins them. */
  readonly keyAt: readonly number[];
  /** Places, those of weights with fewer dimensions first. */
  readonly ranked: readonly number[];
}

/** The place of a leaf in a dimension as one number: a dimension has less than 2^32 leaves. */
export const placeKey = (dimension: number, place: number): number => dimension * 2 ** 32 + place;

/** One place of a leaf. */
export interface WeightPlace {
  readonly weight: Value;
  readonly dimension: number;
  /** How often the leaf stands before it in that dimension. */
  readonly place: number;
}

/** What lies at a position of the flat lists. */
export const placeIn = ({ weights, weightAt, keyAt }: WeightPlaces, at: number): WeightPlace => ({
  weight: weights[weightAt[at]],
  dimension: Math.floor(keyAt[at] / 2 ** 32),
  place: keyAt[at] % 2 ** 32,
});

/** The places of all weights. */
export function weightPlaces(
  weights: readonly Value[],
  places: Places,
  unknownOf: Int32Array,
): WeightPlaces {
  const numbers = new Map<Atom, number>();
  const weightAt: number[] = [];
  const leafAt: number[] = [];
  const unknownAt: number[] = [];
  const keyAt: number[] = [];
  const starts: number[] = [];
  for (let weight = 0; weight < weights.length; weight++) {
    starts.push(leafAt.length);
    const { dims } = places.of(weights[weight]);
    for (let dimension = 0; dimension < dims.length; dimension++) {
      const { leaves, first } = dims[dimension];
      const counts = leaves.length > 1 ? new Map<Atom, number>() : undefined;
      for (let i = 0; i < leaves.length; i++) {
        let leaf = numbers.get(leaves[i]);
        if (leaf === undefined) numbers.set(leaves[i], (leaf = numbers.size));
        const place = counts?.get(leaves[i]) ?? 0;
        counts?.set(leaves[i], place + 1);
        weightAt.push(weight);
        leafAt.push(leaf);
        unknownAt.push(unknownOf[first + i]);
        keyAt.push(placeKey(dimension, place));
      }
    }
  }
  starts.push(leafAt.length);
  return {
    weights,
    indexOf: new Map(weights.map((weight, i) => [weight, i])),
    sizes: weights.map((value) => sizeOf(shapeOfValue(value))),
    leaves: [...numbers.keys()],
    weightAt,
    leafAt,
    unknownAt,
    keyAt,
    ranked: rankedPlaces(weights, starts),
  };
}

function rankedPlaces(weights: readonly Value[], starts: readonly number[]): number[] {
  const order = weights.map((_, i) => i);
  order.sort((a, b) => weights[a].dims.length - weights[b].dims.length || a - b);
  const ranked: number[] = [];
  for (const weight of order)
    for (let at = starts[weight]; at < starts[weight + 1]; at++) ranked.push(at);
  return ranked;
}
