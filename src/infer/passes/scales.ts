// Which free leaves carry more than permutations: a scale part or a general linear group. A leaf qualifies when every
// place it has in a tensor of the file can scale, by the factor or by its inverse.

import { type Atom, find, leavesOf } from "../index-sets/atoms.ts";
import type { LeafFactors, LeafScale } from "../assembly/build-spec.ts";
import { factorsOf } from "./factors.ts";
import { type Constraints, constraintsOf, type Way } from "./constraints.ts";
import { phasesOf } from "./phases.ts";
import { noPlaces, type Places, placesOf } from "./places.ts";
import { qualifying } from "./qualifying.ts";
import { followScaling } from "./scaling.ts";
import { type WeightPlaces, weightPlaces } from "./weight-places.ts";
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
  const constraints = constraintsOf(facts, weights, places);
  const { unknownOf } = constraints;
  const inWeights = weightPlaces(weights, places, unknownOf);
  const { scales: whole, streams } = wholeScales({
    facts,
    constraints,
    inWeights,
    enclosing,
    places,
  });
  const phases = phasesOf({ facts, constraints, inWeights, enclosing, places, scales: whole });
  const scales = new Map([...whole, ...phases]);
  const unknowns = followScaling(constraints, "factor", inWeights);
  // Bases and signs stay; positive factors may turn out to be factors of either sign.
  const settled = new Map([...scales].filter(([, { scale }]) => scale !== "positive"));
  const found = qualifying(inWeights, unknowns, settled);
  const factors = factorsOf(found, { places, unknownOf, unknowns, enclosing, scales });
  for (const leaf of factors.keys()) scales.delete(leaf);
  return { scales, factors, streams };
}

/** What leaves carry besides permutations. */
export interface FoundScales {
  /** The one scale part or basis of a leaf. */
  readonly scales: ReadonlyMap<Atom, LeafScale>;
  /** Factors beside it, or instead of it. */
  readonly factors: ReadonlyMap<Atom, LeafFactors>;
  /** Residual streams that any matrix may change. They carry less: weights rarely tell one basis from another. */
  readonly streams: ReadonlySet<Atom>;
}

interface ScaleSource {
  readonly facts: readonly Fact[];
  readonly constraints: Constraints;
  readonly inWeights: WeightPlaces;
  readonly enclosing: ReadonlySet<Atom>;
  readonly places: Places;
}

function wholeScales({ facts, constraints, inWeights, enclosing, places }: ScaleSource): {
  scales: Map<Atom, LeafScale>;
  streams: Set<Atom>;
} {
  const found = new Map<Atom, LeafScale>();
  const streams = new Set<Atom>();
  const { unknownOf } = constraints;
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
    const unknowns = followScaling(constraints, way, inWeights);
    for (const [leaf, scaled] of qualifying(inWeights, unknowns, found)) {
      const encloses = enclosing.has(leaf);
      if (way !== "partly positive" && !scaled.isComplete) continue;
      if (way === "general-linear" && (encloses || summed.has(leaf))) {
        if (!encloses) streams.add(leaf);
        continue;
      }
      // What scales an enclosing leaf scales the leaves inside it. The norms of one stream scale each on its own.
      if (way === "partly positive" && (encloses || (summed.has(leaf) && scaled.roots.size > 1)))
        continue;
      const power: LeafScale["power"] = (weight, dimension, place) =>
        scaled.at(weight, dimension, place)?.power ?? 1;
      const carriedBy: LeafScale["carriedBy"] = (value, dimension) => {
        const { leaves, first } = places.of(value).dims[dimension] ?? noPlaces;
        return !leaves.some(
          (one, i) =>
            one === leaf && first + i < unknownOf.length && unknowns.isZero(unknownOf[first + i]),
        );
      };
      found.set(leaf, leafScale(way, power, carriedBy));
    }
  }
  return { scales: found, streams };
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
