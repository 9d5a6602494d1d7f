// Alignment by activations: units are paired by what they do on given inputs; scales, bases and axes without activations
// are settled by the weights.

import { withWindings } from "../../parts/scaling/phases.ts";
import { withoutPhases } from "../../symmetry/phases.ts";
import { composeElements, identityElement, invertElement } from "../../symmetry/element.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { type Alignment, uniqueAxes, withNormalizedScales } from "../align.ts";
import { perEntry } from "../similarity.ts";
import { type Activations, matchActivations } from "./match-activations.ts";
import { matchWeights, type MatchOptions } from "../matching/match-weights.ts";
import { isMoving } from "../../parts/features/messages.ts";
import { partReader, problemOf, type WeightReader } from "../../parts/problem.ts";

/** A network with what its units do. */
export interface ActiveNetwork {
  readonly read: WeightReader;
  readonly activations: Activations;
}

/** An alignment of which some axes were matched by activations. */
export interface ActivationAlignment extends Alignment {
  /** Axes paired by activations; the others were matched by weights. */
  readonly paired: readonly string[];
  /** Mean correlation of paired units. */
  readonly correlation: number;
}

/**
 * The element that moves the second network onto the first, from activations of both on the same inputs.
 * @throws {OptionError} {ShapeError} as `matchActivations`; the signal's reason after an abort
 */
export async function alignActivations(
  spec: Pick<SymmetrySpec, "axes" | "tensors">,
  a: ActiveNetwork,
  b: ActiveNetwork,
  options: MatchOptions = {},
): Promise<ActivationAlignment> {
  const problem = problemOf(spec);
  const [ofA, ofB] = [partReader(problem, a.read), partReader(problem, b.read)];
  const left = await withNormalizedScales(problem, ofA);
  const right = await withNormalizedScales(problem, ofB);
  const {
    element: paired,
    axes,
    correlation,
    unidentifiable,
  } = await matchActivations(spec, a.activations, b.activations, options);
  const others = Object.keys(spec.axes).filter(
    (name) => isMoving(spec.axes[name]) && !axes.includes(name),
  );
  const match = await matchWeights(
    { problem: left.problem, a: left.read, b: right.read },
    { ...options, from: { ...identityElement(withoutPhases(spec)), ...paired }, axes: others },
  );
  const unwound = composeElements(
    problem,
    invertElement(problem, left.normalized.element),
    composeElements(problem, match.element, right.normalized.element),
  );
  const element = await withWindings(problem, unwound, ofA, ofB);
  const all = [
    ...left.normalized.unidentifiable,
    ...right.normalized.unidentifiable,
    ...unidentifiable,
  ];
  return {
    element,
    similarity: perEntry(match.score, match.entries),
    start: match.start,
    sweeps: match.sweeps,
    unidentifiable: uniqueAxes(all),
    paired: axes,
    correlation,
  };
}
