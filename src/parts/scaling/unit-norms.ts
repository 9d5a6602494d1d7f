// Positive scales such that what enters a unit has norm 1, axis after axis.

import { type GroupElement, instanceCount } from "../../symmetry/element.ts";
import type { PartDim } from "../../symmetry/parts.ts";
import { parentsOf, lanesOf, type Dense } from "../../symmetry/dense.ts";
import { partAction } from "../../symmetry/act.ts";
import type { MatchProblem, PartReader } from "../problem.ts";

/** A dimension of a part. */
export interface Use {
  readonly part: number;
  readonly dim: number;
}

const isPositive = ({ axes }: MatchProblem, { axis, still }: PartDim) =>
  axis !== null && axes[axis].scale === "positive" && still !== true;
/** Whether a dimension has a general-linear basis. */
export const isLinear = ({ axes }: MatchProblem, { axis }: PartDim): boolean =>
  axis !== null && axes[axis].group === "general-linear";

export interface ScaledAxis {
  readonly axis: string;
  readonly uses: readonly Use[];
}

/**
 * In which order scales can be fixed, each from parts whose other scales are fixed; most entries per index first. Axes of
 * one batch are equally ready and do not wait for each other, so that the order of a spec's axes has no say.
 */
export function scaleOrder(problem: MatchProblem): ScaledAxis[][] {
  const { axes, parts } = problem;
  const batches: ScaledAxis[][] = [];
  const done = new Set<string>();
  const places = placesOf(problem);
  const ready = (axis: string) => {
    const usable = usableOf(problem, places.get(axis) ?? [], done);
    const direct = usable.filter(({ part, dim }) => !parts[part].dims[dim].inverse);
    const uses = direct.length > 0 ? direct : usable;
    const entries = uses.reduce(
      (sum, { part, dim }) =>
        sum + parts[part].dims.reduce((n, { size }, at) => (at === dim ? n : n * size), 1),
      0,
    );
    return { axis, uses, rank: direct.length > 0 ? entries : entries / 1e6 };
  };
  // An axis is looked at again only when the scale of one that shares a part with it was fixed.
  const waiting = new Map(
    Object.keys(axes).flatMap((axis) =>
      axes[axis].scale === "positive" ? [[axis, ready(axis)] as const] : [],
    ),
  );
  for (;;) {
    const usable = [...waiting.values()].filter(({ uses }) => uses.length > 0);
    const best = usable.reduce((highest, { rank }) => Math.max(highest, rank), 0);
    const batch = usable.filter(({ rank }) => rank === best);
    if (batch.length === 0) return batches;
    for (const { axis } of batch) {
      done.add(axis);
      waiting.delete(axis);
    }
    const touched = new Set(
      batch.flatMap(({ axis }) =>
        (places.get(axis) ?? []).flatMap(({ part }) =>
          parts[part].dims.flatMap((dim) => dim.axis ?? []),
        ),
      ),
    );
    for (const axis of touched) if (waiting.has(axis)) waiting.set(axis, ready(axis));
    batches.push(batch.map(({ axis, uses }) => ({ axis, uses })));
  }
}

/** By axis, the first dimension of every part that has it, in the order of the parts. */
function placesOf({ parts }: MatchProblem): Map<string, Use[]> {
  const places = new Map<string, Use[]>();
  for (const [part, { dims }] of parts.entries()) {
    const moving = dims.flatMap((dim) => (dim.axis === null || dim.still ? [] : dim.axis));
    for (const axis of new Set(moving)) {
      const known = places.get(axis);
      const use = { part, dim: dims.findIndex((dim) => dim.axis === axis && !dim.still) };
      if (known === undefined) places.set(axis, [use]);
      else known.push(use);
    }
  }
  return places;
}

/** Parts that have an axis, no basis, and no other scale that is not done. */
function usableOf(problem: MatchProblem, places: readonly Use[], done: ReadonlySet<string>): Use[] {
  return places.filter(({ part, dim }) => {
    const { dims } = problem.parts[part];
    if (dims.some((d) => isLinear(problem, d))) return false;
    return dims.every((d, at) => at === dim || !isPositive(problem, d) || done.has(d.axis ?? ""));
  });
}

/** The same for one axis alone, with every scale done but its own. */
function usesOf(problem: MatchProblem, axis: string): Use[] {
  const everyScale = new Set(Object.keys(problem.axes));
  const places = problem.parts.flatMap(({ dims }, part) => {
    const dim = dims.findIndex((d) => d.axis === axis && !d.still);
    return dim === -1 ? [] : [{ part, dim }];
  });
  return usableOf(problem, places, everyScale);
}

/** Norms of all entries of every index, [instances * size]. */
export async function normsOf(
  problem: MatchProblem,
  read: PartReader,
  element: GroupElement,
  axis: string,
  uses: readonly Use[],
): Promise<number[]> {
  const squares = new Float64Array(instanceCount(problem, axis) * problem.axes[axis].size);
  const move = partAction(problem.axes, element);
  for (const { part, dim } of uses) {
    const { dims } = problem.parts[part];
    addSquares(squares, dims, move(dims, await read(part)), dim);
  }
  return Array.from(squares, Math.sqrt);
}

/** Stands for the scale of a unit whose incoming weights are all zero, until its outgoing weights set it. */
const unsetScale = 1e30;
/** Whether a scale waits for the outgoing weights. */
export const isUnset = (scale: number): boolean => scale === unsetScale;

/** Sets the scales of an axis so that these norms become 1. */
export function setScales(
  problem: MatchProblem,
  element: Record<string, GroupElement[string]>,
  axis: string,
  norms: readonly number[],
  inverse: boolean,
): void {
  const scaleOf = (norm: number) => (norm === 0 ? unsetScale : inverse ? norm : 1 / norm);
  replaceScales(problem, element, axis, (index) => scaleOf(norms[index]));
}

/** New scales by index over all instances. */
function replaceScales(
  { axes }: MatchProblem,
  element: Record<string, GroupElement[string]>,
  axis: string,
  scale: (index: number, old: number) => number,
): void {
  const { size } = axes[axis];
  const old = element[axis];
  const scales = old.permutations.map((_, instance) =>
    Array.from({ length: size }, (__, i) =>
      scale(instance * size + i, old.scales?.[instance][i] ?? 1),
    ),
  );
  element[axis] = { ...old, scales };
}

/**
 * Sets the scales of units whose incoming weights are all zero from the norms of their outgoing weights. Returns how many of
 * them have no outgoing weights either: their scale stays 1.
 */
export async function scaleByOutputs(
  problem: MatchProblem,
  read: PartReader,
  element: Record<string, GroupElement[string]>,
  axis: string,
  uses: readonly Use[],
): Promise<number> {
  if (!element[axis].scales?.flat().some(isUnset)) return 0;
  const side = ({ part, dim }: Use) => problem.parts[part].dims[dim].inverse;
  const others = usesOf(problem, axis).filter((use) => side(use) !== side(uses[0]));
  const unscaled = { ...element };
  replaceScales(problem, unscaled, axis, (_, old) => (isUnset(old) ? 1 : old));
  const norms = await normsOf(problem, read, unscaled, axis, others);
  let dead = 0;
  replaceScales(problem, element, axis, (index, old) => {
    if (!isUnset(old)) return old;
    const norm = norms[index];
    if (norm === 0) dead++;
    return norm === 0 ? 1 : side(uses[0]) ? 1 / norm : norm;
  });
  return dead;
}

/** Adds the squares of all entries of every index, [instances * size]. */
function addSquares(
  squares: Float64Array,
  dims: readonly PartDim[],
  dense: Dense,
  dim: number,
): void {
  const { sizes, data } = dense;
  const size = sizes[dim];
  const lanes = lanesOf(sizes, dim, parentsOf(dims, dim));
  for (let o = 0; o < lanes.outer; o++) {
    for (let i = 0; i < size; i++) {
      for (let n = 0; n < lanes.inner; n++) {
        const instance = (lanes.outerInstance?.[o] ?? 0) + (lanes.innerInstance?.[n] ?? 0);
        squares[instance * size + i] += data[(o * size + i) * lanes.inner + n] ** 2;
      }
    }
  }
}
