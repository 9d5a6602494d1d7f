// Which leaves carry phases: what is behind a sine or cosine flips with the parity of the windings of a stored bias in front of it.
// Scalings are followed with waves cut: places in front of them (incoming weights, biases) and places behind (outgoing weights) are
// two sets then. A leaf qualifies where both sets have all its places in weights, and every wave between them has a bias of one and the
// same frequency.

import type { LeafScale } from "../assembly/build-spec.ts";
import { type Atom } from "../index-sets/atoms.ts";
import type { Fact, Value, WaveArgument } from "../walk/value.ts";
import type { Constraints } from "./constraints.ts";
import type { Exponents } from "./exponents.ts";
import { noPlaces, type Places } from "./places.ts";
import { type LeafPowers, qualifying } from "./qualifying.ts";
import { followScaling } from "./scaling.ts";
import type { WeightPlaces } from "./weight-places.ts";

interface PhaseSource {
  readonly facts: readonly Fact[];
  readonly constraints: Constraints;
  readonly inWeights: WeightPlaces;
  /** Leaves that others lie within. */
  readonly enclosing: ReadonlySet<Atom>;
  readonly places: Places;
  /** Those known so far; only signs are replaced. */
  readonly scales: ReadonlyMap<Atom, LeafScale>;
}

/** A wave that a leaf passes: the sets of its places before and behind. */
interface Passage {
  readonly before: number;
  readonly behind: number;
  readonly argument: WaveArgument;
}

/** Phases by leaf. */
export function phasesOf(source: PhaseSource): Map<Atom, LeafScale> {
  const { facts, constraints, inWeights, enclosing, scales } = source;
  const found = new Map<Atom, LeafScale>();
  const waves = facts.flatMap((fact) =>
    fact.kind === "pointwise" && fact.wave !== undefined ? [{ ...fact, argument: fact.wave }] : [],
  );
  if (waves.length === 0) return found;
  const unknowns = followScaling(constraints, "wave", inWeights);
  const others = new Map([...scales].filter(([, { scale }]) => scale !== "sign"));
  for (const [leaf, powers] of qualifying(inWeights, unknowns, others)) {
    if (enclosing.has(leaf) || !powers.isComplete || powers.roots.size !== 2) continue;
    const passages = waves.flatMap(({ inputs: [input], output, argument }) =>
      passagesOf(source, unknowns, leaf, input, output).map((sets) => ({ ...sets, argument })),
    );
    const scale = phaseOf(source, unknowns, leaf, powers, passages);
    if (scale !== undefined) found.set(leaf, scale);
  }
  return found;
}

/** The sets of places of a leaf on both sides of a wave; NaN for places that do not scale. */
function passagesOf(
  { places, constraints: { unknownOf } }: PhaseSource,
  unknowns: Exponents,
  leaf: Atom,
  input: Value,
  output: Value,
): Omit<Passage, "argument">[] {
  const setAt = (place: number) => {
    if (place >= unknownOf.length || unknowns.isZero(unknownOf[place])) return NaN;
    return unknowns.root(unknownOf[place]);
  };
  const before = places.of(input).all;
  const behind = places.of(output).all;
  return before.leaves.flatMap((one, i) =>
    one === leaf ? [{ before: setAt(before.first + i), behind: setAt(behind.first + i) }] : [],
  );
}

/** The phases of a leaf; undefined where something that is shifted or flipped is not accounted for. */
function phaseOf(
  source: PhaseSource,
  unknowns: Exponents,
  leaf: Atom,
  powers: LeafPowers,
  passages: readonly Passage[],
): LeafScale | undefined {
  const { roots } = powers;
  const touching = passages.filter((p) => roots.has(p.before) || roots.has(p.behind));
  const [first] = touching;
  if (first === undefined || first.before === first.behind) return undefined;
  const { wave, bias } = first.argument;
  const isAlike = ({ before, behind, argument }: Passage) =>
    before === first.before &&
    behind === first.behind &&
    argument.wave === wave &&
    argument.bias?.factor === bias?.factor;
  if (bias === null || !touching.every(isAlike)) return undefined;
  if (!roots.has(first.before) || !roots.has(first.behind)) return undefined;
  const shifted = new Set(touching.map(({ argument }) => argument.bias?.tensor ?? ""));
  const isCovered = [...shifted].every((name) => {
    const ofBias = touching.filter(({ argument }) => argument.bias?.tensor === name);
    const places = powers.places().filter(({ weight }) => weight.name === name);
    return (
      ofBias.length === ofBias[0].argument.bias?.readers &&
      places.length === 1 &&
      powers.at(places[0].weight, places[0].dimension, places[0].place)?.root === first.before
    );
  });
  if (!isCovered) return undefined;
  const { places, constraints } = source;
  return {
    group: "permutation",
    scale: "phase",
    phase: { omega: bias.factor, wave, shifted },
    power: (weight, dimension, place) =>
      powers.at(weight, dimension, place)?.root === first.behind ? -1 : 1,
    // Sums in front of a sine change their sign and are shifted; behind a cosine nothing knows the sign.
    carriedBy(value, dimension) {
      if (wave === "cosine") return false;
      const { leaves, first: start } = places.of(value).dims[dimension] ?? noPlaces;
      return leaves.every(
        (one, i) =>
          one !== leaf ||
          (start + i < constraints.unknownOf.length &&
            unknowns.root(constraints.unknownOf[start + i]) === first.before),
      );
    },
  };
}
