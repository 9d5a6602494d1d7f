// Factors of either sign for every index of a leaf, where everything they pass is linear: rows of a gated layer, which the next
// matrix undoes, and gains of norms, of which each has a factor of its own.

import type { LeafFactors, LeafScale } from "../assembly/build-spec.ts";
import type { Atom } from "../index-sets/atoms.ts";
import type { Exponents } from "./exponents.ts";
import { noPlaces, type Places } from "./places.ts";
import type { LeafPowers } from "./qualifying.ts";

interface FactorSource {
  readonly places: Places;
  /** The unknown of every place that was numbered when constraints were read. */
  readonly unknownOf: Int32Array;
  /** Solved for factors. */
  readonly unknowns: Exponents;
  /** Leaves that others lie within: those are scaled themselves. */
  readonly enclosing: ReadonlySet<Atom>;
  readonly scales: ReadonlyMap<Atom, LeafScale>;
}

/**
 * The factors of every leaf. Where a leaf has a scale part already, one factor takes its place when it stands at the same
 * places but not at all, and none does otherwise.
 */
export function factorsOf(
  found: ReadonlyMap<Atom, LeafPowers>,
  { places, unknownOf, unknowns, enclosing, scales }: FactorSource,
): Map<Atom, LeafFactors> {
  const factors = new Map<Atom, LeafFactors>();
  for (const [leaf, ofFound] of found) {
    const { roots, isComplete } = ofFound;
    const scale = scales.get(leaf);
    const isSigned = scale?.scale === "sign" || scale?.scale === "phase";
    if (enclosing.has(leaf) || scale?.group === "general-linear" || isSigned) continue;
    const numbers = new Map([...roots].map((root, i) => [root, i]));
    const ofLeaf: LeafFactors = {
      count: roots.size,
      at(weight, dimension, place) {
        const { root = -1, power = 0 } = ofFound.at(weight, dimension, place) ?? {};
        return power === 0 ? null : { factor: numbers.get(root) ?? 0, power };
      },
      carriedBy(value, dimension) {
        const { leaves, first } = places.of(value).dims[dimension] ?? noPlaces;
        return leaves.some((one, i) => {
          if (one !== leaf || first + i >= unknownOf.length) return false;
          const root = unknowns.root(unknownOf[first + i]);
          return !unknowns.isZero(root) && numbers.has(root);
        });
      },
    };
    // A scale of all places is left to matching, which tells signs better than one network does.
    const isPartial = !isComplete && ofLeaf.count === 1;
    if (scale === undefined || (isPartial && isAlike(scale, ofLeaf, ofFound)))
      factors.set(leaf, ofLeaf);
  }
  return factors;
}

/** Whether the only factor stands wherever a scale does, with the same powers or with the inverse ones. */
function isAlike(scale: LeafScale, factors: LeafFactors, { places }: LeafPowers): boolean {
  const pairs = places().map(({ weight, dimension, place }) => {
    const factor = factors.at(weight, dimension, place);
    return [scale.power(weight, dimension, place), factor?.power ?? 0] as const;
  });
  return [1, -1].some((side) => pairs.every(([a, b]) => a === side * b));
}
