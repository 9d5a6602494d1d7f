// Which free leaves carry more than permutations: a scale part or a general linear group. A leaf qualifies when every
// place it has in a tensor of the file can scale, by the factor or by its inverse.

import { type Atom, find, leavesOf } from "../index-sets/atoms.ts";
import type { LeafScale } from "../assembly/build-spec.ts";
import type { Exponents } from "./exponents.ts";
import { type LeafPlaces, placesOf } from "./places.ts";
import { followScaling, type Way } from "./scaling.ts";
import type { Fact, Value } from "../walk/value.ts";

/**
 * What every qualifying leaf carries; the larger group wins: matrices, then positive factors, then signs. Matrices pass
 * wherever everything between two products is linear: query and key, value and output, factors of low rank. A leaf that
 * encloses others is only permuted, scaled or flipped.
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
  const ways: readonly Way[] = [
    "general-linear",
    "positive",
    // Without odd functions, positive factors pass wherever signs do.
    ...(odd ? (["sign"] as const) : []),
    "parity",
  ];
  for (const way of ways) {
    const unknowns = followScaling(facts, places, way);
    for (const [leaf, signs] of qualifying(weights, places, unknowns)) {
      if (
        found.has(leaf) ||
        (way === "general-linear" && (enclosing.has(leaf) || summed.has(leaf)))
      )
        continue;
      found.set(
        leaf,
        leafScale(
          way,
          (weight, dimension, place) => signs.get(weight)?.get(`${dimension}:${place}`) === -1,
          (value, dimension) =>
            !places
              .at(value, dimension)
              .some((place) => place.leaf === leaf && unknowns.isZero(place.unknown)),
        ),
      );
    }
  }
  return found;
}

function leafScale(
  way: Way,
  inverse: LeafScale["inverse"],
  carriedBy: LeafScale["carriedBy"],
): LeafScale {
  if (way === "general-linear") return { group: way, inverse, carriedBy };
  return { group: "permutation", scale: way === "positive" ? way : "sign", inverse, carriedBy };
}

type Signs = ReadonlyMap<Value, ReadonlyMap<string, 1 | -1>>;

/** Leaves whose every place in a weight can scale, with the sign of each place. */
function qualifying(
  weights: readonly Value[],
  places: LeafPlaces,
  unknowns: Exponents,
): Map<Atom, Signs> {
  const signs = new Map<Atom, Map<Value, Map<string, 1 | -1>>>();
  const barred = new Set<Atom>();
  const facing = new Map<number, 1 | -1>();
  const ranked = weights
    .map((value, i) => ({ value, i }))
    .sort((a, b) => a.value.dims.length - b.value.dims.length || a.i - b.i);
  for (const { value } of ranked) {
    for (const dimension of value.dims.keys()) {
      const counts = new Map<Atom, number>();
      for (const { leaf, unknown } of places.at(value, dimension)) {
        const place = counts.get(leaf) ?? 0;
        counts.set(leaf, place + 1);
        if (unknowns.isZero(unknown)) barred.add(leaf);
        const [root, sign] = unknowns.root(unknown);
        // The first place seen of a linked set scales by the factor itself.
        if (!facing.has(root)) facing.set(root, sign);
        const own = signs.get(leaf) ?? new Map<Value, Map<string, 1 | -1>>();
        const inValue = own.get(value) ?? new Map<string, 1 | -1>();
        inValue.set(`${dimension}:${place}`, (sign * (facing.get(root) ?? 1)) as 1 | -1);
        signs.set(leaf, own.set(value, inValue));
      }
    }
  }
  for (const leaf of barred) signs.delete(leaf);
  return signs;
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
