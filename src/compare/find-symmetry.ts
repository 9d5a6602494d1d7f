// Whether one network is another one moved by a group element: exact colours first, which see reorderings and sign flips
// bit by bit, then a matching of both networks with normalized scales, which sees scales, phases and bases up to rounding.

import { withWindings } from "../parts/scaling/phases.ts";
import { withoutPhases } from "../symmetry/phases.ts";
import { composeElements, type GroupElement, invertElement } from "../symmetry/element.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { withNormalizedScales, uniqueAxes } from "../align/align.ts";
import { checkMove, differenceAfter, float32Rounding, type Rounding } from "../parts/check-move.ts";
import type { NormalizedScales } from "../parts/scaling/normalize-scales.ts";
import { matchColours } from "../parts/colours/match-colours.ts";
import { matchWeights } from "../align/matching/match-weights.ts";
import { partReader, problemOf, type WeightReader } from "../parts/problem.ts";

/** The element that takes one network to another, and how exactly. */
export interface FoundSymmetry {
  /** Takes the second network to the first. */
  readonly element: GroupElement;
  /** Bit by bit; else up to rounding. */
  readonly exact: boolean;
  /** Largest difference left in any tensor, in units of its root mean square; 0 when exact. */
  readonly residual: number;
  readonly unidentifiable: NormalizedScales["unidentifiable"];
}

/** What a search for a symmetry between two networks finds. */
export interface SymmetrySearch {
  readonly found?: FoundSymmetry;
  /** Indices that look alike could not all be tried: there may be a symmetry that was not found. */
  readonly unresolved: boolean;
  /** Axes whose scales or bases the weights do not pin down. */
  readonly unidentifiable: NormalizedScales["unidentifiable"];
}

/** Share of the difference that scales, phases and bases may leave if they are to explain it. */
const explains = 0.2;

/** What a pass must raise the similarity by, or the networks are not on their way to 1 in four of them. */
const worthMore = 0.01;

/** An element without its scales, windings and bases; signs stay. */
function reorderingOf(element: GroupElement): GroupElement {
  return Object.fromEntries(
    Object.entries(element).map(([axis, { permutations, scales }]) => [
      axis,
      {
        permutations,
        ...(scales && { scales: scales.map((ofInstance) => ofInstance.map((s) => Math.sign(s))) }),
      },
    ]),
  );
}

/**
 * The element of the spec's group that takes `b` to `a`; undefined when there is none up to rounding, or none was found
 * among indices that look alike.
 * @throws {OptionError} for NaN or infinities; {ShapeError} for a tensor that does not have the spec's shape
 */
export async function findSymmetry(
  spec: Pick<SymmetrySpec, "axes" | "tensors">,
  a: WeightReader,
  b: WeightReader,
): Promise<FoundSymmetry | undefined> {
  return (await searchSymmetry(spec, a, b)).found;
}

/** The same with what is left open; `rounding` is that of the files' number formats. */
export async function searchSymmetry(
  spec: Pick<SymmetrySpec, "axes" | "tensors">,
  a: WeightReader,
  b: WeightReader,
  rounding: Rounding = float32Rounding,
): Promise<SymmetrySearch> {
  const problem = problemOf(spec);
  const left = partReader(problem, a);
  const right = partReader(problem, b);
  const { element: exact, unresolved } = await matchColours(
    withoutPhases(problem),
    left,
    right,
    async (element) => (await checkMove(problem, element, left, right)) === 0,
  );
  if (exact !== undefined)
    return {
      found: { element: exact, exact: true, residual: 0, unidentifiable: [] },
      unresolved,
      unidentifiable: [],
    };
  const continuous = Object.values(spec.axes).some(
    ({ group, scale }) => group === "general-linear" || scale === "positive" || scale === "phase",
  );
  if (!continuous) return { unresolved, unidentifiable: [] };
  const inA = await withNormalizedScales(problem, left);
  const inB = await withNormalizedScales(problem, right);
  const unidentifiable = uniqueAxes([
    ...inA.normalized.unidentifiable,
    ...inB.normalized.unidentifiable,
  ]);
  const pair = { problem: inA.problem, a: inA.read, b: inB.read };
  const matched = await matchWeights(pair, { starts: ["features"], sweeps: 4, minGain: worthMore });
  const unwound = composeElements(
    problem,
    invertElement(problem, inA.normalized.element),
    composeElements(problem, matched.element, inB.normalized.element),
  );
  const element = await withWindings(problem, unwound, left, right);
  const residual = await checkMove(problem, element, left, right, rounding);
  if (residual === undefined) return { unresolved, unidentifiable };
  // Numbers that are as near without any scale or basis are changed numbers, or rounded ones; no symmetry explains them.
  const plain = await differenceAfter(problem, reorderingOf(element), left, right);
  if (residual > explains * plain) return { unresolved, unidentifiable };
  return { found: { element, exact: false, residual, unidentifiable }, unresolved, unidentifiable };
}
