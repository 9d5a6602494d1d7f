// Positive scales such that what enters a unit has norm 1, axis after axis.

import { type GroupElement, instanceCount } from "../group/element.ts";
import type { PartDim } from "../spec/parts.ts";
import { governorsOf, lanesOf, type Dense } from "./dense.ts";
import { mover } from "./move.ts";
import type { MatchProblem, PartReader } from "./problem.ts";

/** A dimension of a part. */
export interface Use {
  readonly part: number;
  readonly dim: number;
}

const isPositive = ({ axes }: MatchProblem, { axis }: PartDim) =>
  axis !== null && axes[axis].scale === "positive";
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
  for (;;) {
    let best = 0;
    let batch: ScaledAxis[] = [];
    for (const axis of Object.keys(axes)) {
      if (axes[axis].scale !== "positive" || done.has(axis)) continue;
      const usable = usesOf(problem, axis, done);
      const direct = usable.filter(({ part, dim }) => !parts[part].dims[dim].inverse);
      const uses = direct.length > 0 ? direct : usable;
      const entries = uses.reduce(
        (sum, { part, dim }) =>
          sum + parts[part].dims.reduce((n, { size }, at) => (at === dim ? n : n * size), 1),
        0,
      );
      const rank = direct.length > 0 ? entries : entries / 1e6;
      if (uses.length === 0 || rank < best) continue;
      if (rank > best) batch = [];
      best = rank;
      batch.push({ axis, uses });
    }
    if (batch.length === 0) return batches;
    for (const { axis } of batch) done.add(axis);
    batches.push(batch);
  }
}

/** Parts that have an axis once, no basis, and no other scale that is not done. */
function usesOf(problem: MatchProblem, axis: string, done: ReadonlySet<string>): Use[] {
  return problem.parts.flatMap(({ dims }, part): Use[] => {
    const dim = dims.findIndex((d) => d.axis === axis);
    if (dim === -1 || dims.some((d) => isLinear(problem, d))) return [];
    const free = dims.every(
      (d, at) => at === dim || !isPositive(problem, d) || done.has(d.axis ?? ""),
    );
    return free ? [{ part, dim }] : [];
  });
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
  const move = mover(problem.axes, element);
  for (const { part, dim } of uses) {
    const { dims } = problem.parts[part];
    addSquares(squares, dims, move(dims, await read(part)), dim);
  }
  return Array.from(squares, Math.sqrt);
}

/** Takes units that nothing enters out of later norms: what leaves them has an arbitrary scale until it is fixed itself. */
const silentScale = 1e30;

/** Sets the scales of an axis so that these norms become 1. */
export function setScales(
  problem: MatchProblem,
  element: Record<string, GroupElement[string]>,
  axis: string,
  norms: readonly number[],
  inverse: boolean,
): void {
  const scaleOf = (norm: number) => (norm === 0 ? silentScale : inverse ? norm : 1 / norm);
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

/** Units that nothing enters are scaled by what leaves them; gives the number of those that nothing leaves either. */
export async function rescueSilent(
  problem: MatchProblem,
  read: PartReader,
  element: Record<string, GroupElement[string]>,
  axis: string,
  uses: readonly Use[],
): Promise<number> {
  const isSilent = (old: number) => old === silentScale;
  if (!element[axis].scales?.flat().some(isSilent)) return 0;
  const side = ({ part, dim }: Use) => problem.parts[part].dims[dim].inverse;
  const everyScale = new Set(Object.keys(problem.axes));
  const others = usesOf(problem, axis, everyScale).filter((use) => side(use) !== side(uses[0]));
  const unscaled = { ...element };
  replaceScales(problem, unscaled, axis, (_, old) => (isSilent(old) ? 1 : old));
  const norms = await normsOf(problem, read, unscaled, axis, others);
  let dead = 0;
  replaceScales(problem, element, axis, (index, old) => {
    if (!isSilent(old)) return old;
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
  const lanes = lanesOf(sizes, dim, governorsOf(dims, dim));
  for (let o = 0; o < lanes.outer; o++) {
    for (let i = 0; i < size; i++) {
      for (let n = 0; n < lanes.inner; n++) {
        const instance = (lanes.outerInstance?.[o] ?? 0) + (lanes.innerInstance?.[n] ?? 0);
        squares[instance * size + i] += data[(o * size + i) * lanes.inner + n] ** 2;
      }
    }
  }
}
