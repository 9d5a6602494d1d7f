// Which free leaves carry more than permutations: a scale part or a general linear group. A leaf qualifies when every
// place it has in a tensor of the file can scale, by the factor or by its inverse.

import { type Atom, find, leavesOf } from "../index-sets/atoms.ts";
import type { LeafFactors, LeafScale } from "../assembly/build-spec.ts";
import { factorsOf } from "./factors.ts";
import { type LeafPlaces, placesOf } from "./places.ts";
import { qualifying } from "./qualifying.ts";
import { followScaling, type Way } from "./scaling.ts";
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
): FoundScales {
  const places = placesOf();
  const scales = wholeScales(weights, facts, enclosing, places);
  const unknowns = followScaling(facts, places, "factor", weights);
  const factors = factorsOf(qualifying(weights, places, unknowns), {
    places,
    unknowns,
    enclosing,
    scales,
  });
  for (const leaf of factors.keys()) scales.delete(leaf);
  return { scales, factors };
}

/** What leaves carry besides permutations. */
export interface FoundScales {
  /** The one scale part or basis of a leaf. */
  readonly scales: ReadonlyMap<Atom, LeafScale>;
  /** Factors beside it, or instead of it. */
  readonly factors: ReadonlyMap<Atom, LeafFactors>;
}

function wholeScales(
  weights: readonly Value[],
  facts: readonly Fact[],
  enclosing: ReadonlySet<Atom>,
  places: LeafPlaces,
): Map<Atom, LeafScale> {
  const found = new Map<Atom, LeafScale>();
  const summed = summedLeaves(facts);
  const odd = facts.some((fact) => fact.kind === "pointwise" && fact.law === "odd");
  const ways: readonly Way[] = [
    "general-linear",
    "positive",
    // Without odd functions, positive factors pass wherever signs do.
    ...(odd ? (["sign"] as const) : []),
    "parity",
    "partly positive",
  ];
  for (const way of ways) {
    const unknowns = followScaling(facts, places, way, weights);
    for (const [leaf, scaled] of qualifying(weights, places, unknowns)) {
      const barred = {
        "general-linear": () => enclosing.has(leaf) || summed.has(leaf) || !scaled.whole,
        // What scales an enclosing leaf scales the leaves inside it. The norms of one stream scale each on its own.
        "partly positive": () => enclosing.has(leaf) || (summed.has(leaf) && scaled.roots.size > 1),
        other: () => !scaled.whole,
      }[way === "general-linear" || way === "partly positive" ? way : "other"];
      if (found.has(leaf) || barred()) continue;
      const power: LeafScale["power"] = (weight, dimension, place) =>
        scaled.powers.get(weight)?.get(`${dimension}:${place}`)?.power ?? 1;
      const carriedBy: LeafScale["carriedBy"] = (value, dimension) =>
        !places
          .at(value, dimension)
          .some((place) => place.leaf === leaf && unknowns.isZero(place.unknown));
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
