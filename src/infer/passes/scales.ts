// Which free leaves carry more than permutations: a scale part or a general linear group. A leaf qualifies when every
// place it has in a tensor of the file can scale, by the factor or by its inverse.

import { type Atom, find, leavesOf } from "../index-sets/atoms.ts";
import type { LeafScale } from "../assembly/build-spec.ts";
import type { Exponents } from "./exponents.ts";
import { noPlaces, placesOf, type ValuePlaces } from "./places.ts";
import { followScaling, placedFacts, type Way } from "./scaling.ts";
import type { Fact, Value } from "../walk/value.ts";

/**
 * What every qualifying leaf carries; the larger group wins: matrices, then positive factors, then signs. Matrices pass
 * wherever everything between two products is linear: query and key, value and output, factors of low rank. A leaf that
 * encloses others is only permuted, scaled or flipped. Positive factors that leave some of its weights alone (the gain of a
 * norm and the linear map behind it) come last.
 */
export function scalesOf(
  weights: readonly Value[],
  facts: readonly Fact[],
  enclosing: ReadonlySet<Atom> = new Set(),
): Map<Atom, LeafScale> {
  const found = new Map<Atom, LeafScale>();
  const summed = summedLeaves(facts);
  const places = placesOf();
  const odd = facts.some((fact) => fact.kind === "pointwise" && fact.law === "odd");
  const placed = placedFacts(facts, places);
  const ways: readonly Way[] = [
    "general-linear",
    "positive",
    // Without odd functions, positive factors pass wherever signs do.
    ...(odd ? (["sign"] as const) : []),
    "parity",
    "partly positive",
  ];
  for (const way of ways) {
    const unknowns = followScaling(placed, places, way, weights);
    for (const [leaf, scaled] of qualifying(weights, places, unknowns, found)) {
      const encloses = enclosing.has(leaf);
      if (way !== "partly positive" && !scaled.whole) continue;
      if (way === "general-linear" && (encloses || summed.has(leaf))) continue;
      // What scales an enclosing leaf scales the leaves inside it. The norms of one stream scale each on its own.
      if (way === "partly positive" && (encloses || (summed.has(leaf) && scaled.roots.size > 1)))
        continue;
      const power: LeafScale["power"] = (weight, dimension, place) =>
        scaled.powers.get(weight)?.get(placeKey(dimension, place)) ?? 1;
      const carriedBy: LeafScale["carriedBy"] = (value, dimension) => {
        const { leaves, first } = places(value).dims[dimension] ?? noPlaces;
        return !leaves.some((one, i) => one === leaf && unknowns.isZero(first + i));
      };
      found.set(leaf, leafScale(way, power, carriedBy));
    }
  }
  return found;
}

function leafScale(
  way: Way,
  power: LeafScale["power"],
  carriedBy: LeafScale["carriedBy"],
): LeafScale {
  if (way === "general-linear") return { group: way, power, carriedBy };
  const scale = way === "sign" || way === "parity" ? "sign" : "positive";
  return { group: "permutation", scale, power, carriedBy };
}

interface Powers {
  readonly powers: Map<Value, Map<number, -1 | 0 | 1>>;
  /** Linked sets that scale, each by a factor of its own. */
  readonly roots: Set<number>;
  /** Every place of the leaf scales. */
  whole: boolean;
}

/** The place of a leaf in a dimension as one number: a dimension has less than 2^32 leaves. */
const placeKey = (dimension: number, place: number): number => dimension * 2 ** 32 + place;

/** Leaves that scale at some place in a weight and are not known yet, with the power of each place. */
function qualifying(
  weights: readonly Value[],
  places: (value: Value) => ValuePlaces,
  unknowns: Exponents,
  known: ReadonlyMap<Atom, LeafScale>,
): Map<Atom, Powers> {
  const found = new Map<Atom, Powers>();
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
        const own = unknowns.isZero(root) ? 0 : (facing.get(root) ?? 0);
        const power = own === 0 ? 0 : unknowns.factor(first + i) / own > 0 ? 1 : -1;
        const powers = found.get(leaf) ?? { powers: new Map(), roots: new Set(), whole: true };
        const inValue = powers.powers.get(value) ?? new Map<number, -1 | 0 | 1>();
        powers.powers.set(value, inValue.set(placeKey(dimension, place), power));
        if (power === 0) powers.whole = false;
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

/** Leaves of sums of two values that both depend on the input: residual streams, whose matrices weights rarely span. */
function summedLeaves(facts: readonly Fact[]): Set<Atom> {
  const leaves = new Set<Atom>();
  for (const fact of facts) {
    if (fact.kind !== "pointwise" || fact.law !== "linear") continue;
    if (new Set(fact.inputs.filter(({ origin }) => origin === "computed")).size < 2) continue;
    for (const dim of fact.output.dims)
      for (const leaf of leavesOf(find(dim))) if (!leaf.fixed) leaves.add(leaf);
  }
  return leaves;
}
