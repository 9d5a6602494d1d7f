// Whether an element takes one network to another, number by number. What only moves must be equal; what was scaled, shifted or
// changed its basis may be off by rounding, entry by entry.

import type { GroupElement } from "../symmetry/element.ts";
import type { PartDim } from "../symmetry/parts.ts";
import { parentsOf, lanesOf, type Dense } from "../symmetry/dense.ts";
import { rootMeanSquare } from "./features/messages.ts";
import { partAction } from "../symmetry/act.ts";
import { windingStep } from "../symmetry/phases.ts";
import type { MatchProblem, PartReader } from "./problem.ts";

/** Unit roundoff of float32: half the distance from 1 to the next number. */
const float32Roundoff = 2 ** -24;

/** Unit roundoff of the coarser format: what entries that were scaled and rounded again may be off by, relatively. */
export interface Rounding {
  readonly scaled: number;
}

export const float32Rounding: Rounding = { scaled: float32Roundoff };

/** Scales are found from float32 norms of float32 entries, several layers deep. */
const scaleError = 64 * float32Roundoff;
/** Bases are found from Gram matrices; errors grow with their condition. */
const basisError = 1e-4;

/** The largest difference in units of a part's root mean square; undefined when an entry is off by more than rounding. */
export async function checkMove(
  problem: MatchProblem,
  element: GroupElement,
  a: PartReader,
  b: PartReader,
  rounding: Rounding = float32Rounding,
): Promise<number | undefined> {
  const move = partAction(problem.axes, element);
  return compareMoved(problem, element, a, b, (dims, left) => {
    const axis = dims.find(({ shifted }) => shifted)?.axis ?? null;
    if (axis === null) return boundOf(problem, dims, left, rounding);
    // What is added to nothing is what is added.
    const shifts = move(dims, { ...left, data: new Float64Array(left.data.length) }).data;
    return shiftBound(windingStep(problem.axes[axis]), shifts, rounding);
  });
}

/** By how much biases may be off: rounding of what they are, of one winding, and of what was added to them. */
function shiftBound(step: number, shifts: Dense["data"], { scaled }: Rounding): Bound {
  const factor = 3 * scaled + scaleError;
  return (i, x, y) => factor * (Math.max(Math.abs(x), Math.abs(y)) + Math.abs(shifts[i]) + step);
}

/** The largest difference that an element leaves, however large, in units of a part's root mean square. */
export async function differenceAfter(
  problem: MatchProblem,
  element: GroupElement,
  a: PartReader,
  b: PartReader,
): Promise<number> {
  return (await compareMoved(problem, element, a, b, () => () => Infinity)) ?? Infinity;
}

type Bound = (i: number, x: number, y: number) => number;

async function compareMoved(
  problem: MatchProblem,
  element: GroupElement,
  a: PartReader,
  b: PartReader,
  boundFor: (dims: readonly PartDim[], left: Dense) => Bound,
): Promise<number | undefined> {
  const move = partAction(problem.axes, element);
  let largest = 0;
  for (const [part, { dims }] of problem.parts.entries()) {
    const left = await a(part);
    const right = move(dims, await b(part));
    const bound = boundFor(dims, left);
    let difference = 0;
    for (let i = 0; i < left.data.length; i++) {
      const [x, y] = [left.data[i], right.data[i]];
      if (x === y) continue;
      const off = Math.abs(x - y);
      if (!(off <= bound(i, x, y))) return undefined;
      difference = Math.max(difference, off);
    }
    if (difference > 0) largest = Math.max(largest, difference / rootMeanSquare(left.data));
  }
  return largest;
}

/** By how much entry i, x in one network and y in the moved other, may be off. */
function boundOf(
  { axes }: MatchProblem,
  dims: readonly PartDim[],
  left: Dense,
  { scaled }: Rounding,
): Bound {
  const isLinear = ({ axis }: PartDim) => axis !== null && axes[axis].group === "general-linear";
  const isScaled = ({ axis, still }: PartDim) =>
    axis !== null && axes[axis].scale === "positive" && still !== true;
  const larger = (x: number, y: number) => Math.max(Math.abs(x), Math.abs(y));
  const bases = dims.flatMap((place, at) => (isLinear(place) ? [at] : []));
  const dim = bases.reduce(
    (largest, at) => (dims[at].size > (dims[largest]?.size ?? 0) ? at : largest),
    -1,
  );
  if (dim === -1) {
    const factor = dims.some(isScaled) ? 3 * scaled + scaleError : 0;
    return (_, x, y) => factor * larger(x, y);
  }
  const norms = vectorNorms(dims, left, dim);
  const factor = 16 * scaled + basisError;
  return (i) => factor * norms(i);
}

/** The norm, along a dimension, of the vector that an entry belongs to. */
function vectorNorms(
  dims: readonly PartDim[],
  { sizes, data }: Dense,
  dim: number,
): (i: number) => number {
  const { outer, inner } = lanesOf(sizes, dim, parentsOf(dims, dim));
  const size = sizes[dim];
  const norms = new Float64Array(outer * inner);
  for (let i = 0; i < data.length; i++) {
    const at = Math.floor(i / (size * inner)) * inner + (i % inner);
    norms[at] += data[i] * data[i];
  }
  return (i) => Math.sqrt(norms[Math.floor(i / (size * inner)) * inner + (i % inner)]);
}
