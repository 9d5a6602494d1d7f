// Aligns one network with another: the element of the spec's group that brings the second nearest to the first. Scales and
// bases are fixed first (normalize-scales.ts), then everything discrete is matched (match-weights.ts).

import { composeElements, type GroupElement, invertElement } from "../symmetry/element.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { normalizeScales, type NormalizedScales } from "../parts/scaling/normalize-scales.ts";
import { withSignsOnly, withWindings } from "../parts/scaling/phases.ts";
import { withoutFactors } from "../parts/scaling/balance-factors.ts";
import { matchWeights, type MatchOptions, type WeightMatch } from "./matching/match-weights.ts";
import { perEntry } from "./similarity.ts";
import { partAction } from "../symmetry/act.ts";
import {
  keepingReader,
  partReader,
  problemOf,
  type MatchProblem,
  type PartReader,
  type WeightReader,
} from "../parts/problem.ts";

/** How one network is brought nearest to another, and how near it comes. */
export interface Alignment {
  /** Moves the second network onto the first: `actOn(spec, element, b)` is to be compared with `a`. */
  readonly element: GroupElement;
  /** Mean product of entries, each in units of its tensor's root mean square: 1 for equal networks. */
  readonly similarity: number;
  /** The start of the descent that won, and its passes over all axes. */
  readonly start: WeightMatch["start"];
  readonly sweeps: number;
  /** Axes whose scales or bases the weights of either network do not pin down. */
  readonly unidentifiable: NormalizedScales["unidentifiable"];
}

/**
 * Weight matching of two networks of one spec, read tensor by tensor.
 * @throws {OptionError} for NaN or infinities; the signal's reason after an abort.
 */
export async function alignWeights(
  spec: Pick<SymmetrySpec, "axes" | "tensors">,
  a: WeightReader,
  b: WeightReader,
  options: MatchOptions = {},
): Promise<Alignment> {
  const problem = problemOf(spec);
  const [ofA, ofB] = [partReader(problem, a), partReader(problem, b)];
  const left = await withNormalizedScales(problem, ofA);
  const right = await withNormalizedScales(problem, ofB);
  const match = await matchWeights({ problem: left.problem, a: left.read, b: right.read }, options);
  const unwound = composeElements(
    problem,
    invertElement(problem, left.normalized.element),
    composeElements(problem, match.element, right.normalized.element),
  );
  const element = await withWindings(problem, unwound, ofA, ofB);
  const { score, start, sweeps } = match;
  const unidentifiable = uniqueAxes([
    ...left.normalized.unidentifiable,
    ...right.normalized.unidentifiable,
  ]);
  const similarity = perEntry(score, match.entries);
  return { element, similarity, start, sweeps, unidentifiable };
}

/** The first of every axis. */
export function uniqueAxes(
  unidentifiable: NormalizedScales["unidentifiable"],
): NormalizedScales["unidentifiable"] {
  const first = new Map<string, NormalizedScales["unidentifiable"][number]>();
  for (const one of unidentifiable) if (!first.has(one.axis)) first.set(one.axis, one);
  return [...first.values()];
}

/** A network seen with normalized scales, and with signs in place of phases. */
export interface NormalizedNetwork<P extends MatchProblem> {
  readonly read: PartReader;
  readonly normalized: NormalizedScales;
  /** What is left to match: axes that are one factor for every index of another are settled. */
  readonly problem: P;
}

/** The network with normalized scales and bases, and the problem that is left; in it phases are signs (`withSignsOnly`). */
export async function withNormalizedScales<P extends MatchProblem>(
  given: P,
  stored: PartReader,
): Promise<NormalizedNetwork<P>> {
  const { problem, read } = await withSignsOnly(given, stored);
  const normalized = await normalizeScales(problem, read);
  const continuous = Object.values(normalized.element).some(
    ({ scales, matrices }) => scales ?? matrices,
  );
  if (!continuous) return { read: keepingReader(problem, read), normalized, problem };
  const move = partAction(problem.axes, normalized.element);
  const left = withoutFactors(problem);
  return {
    normalized,
    problem: left,
    read: keepingReader(left, async (part) => move(problem.parts[part].dims, await read(part))),
  };
}
