// Fixes the continuous part of the group before anything discrete is matched: positive scales so that what enters a unit
// has norm 1, general-linear bases so that both sides are balanced (equal diagonal Gram matrices). Signs and rotations
// among equal singular values stay open; matching settles them.

import { CholeskyDecomposition, EigenvalueDecomposition, Matrix } from "ml-matrix";
import { type GroupElement, identityElement, instanceCount } from "../group/element.ts";
import type { PartDim } from "../spec/parts.ts";
import { governorsOf, lanesOf, type Dense } from "./dense.ts";
import { mover } from "./move.ts";
import type { MatchProblem, PartReader } from "./problem.ts";

export interface Gauge {
  /** Brings the network to its gauge: scales and matrices only, nothing is reordered. */
  readonly element: GroupElement;
  /** Axes with a continuous group that the weights do not pin down, with the reason. */
  readonly open: readonly { readonly axis: string; readonly reason: string }[];
}

/** Fixes scales and bases of one network; reads every part with such an axis a few times. */
export async function fixGauge(problem: MatchProblem, read: PartReader): Promise<Gauge> {
  const element: Record<string, GroupElement[string]> = { ...identityElement(problem) };
  const open: Gauge["open"][number][] = [];
  for (const { axis, uses } of scaleOrder(problem)) {
    const fixed = await normalizeScales(problem, read, element, axis, uses);
    element[axis] = fixed.action;
    if (fixed.dead > 0)
      open.push({ axis, reason: `${fixed.dead} of its indices have zero weights only` });
  }
  for (const name of Object.keys(problem.axes)) {
    if (problem.axes[name].group !== "general-linear") continue;
    const action = await balanceBases(problem, read, element, name);
    if (action === undefined) open.push({ axis: name, reason: "its weights do not span it" });
    else element[name] = action;
  }
  for (const name of Object.keys(problem.axes)) {
    if (
      problem.axes[name].scale === "positive" &&
      !scaleOrder(problem).some((s) => s.axis === name)
    )
      open.push({ axis: name, reason: "no tensor ties its scales to fixed axes" });
  }
  return { element, open };
}

interface Use {
  readonly part: number;
  readonly dim: number;
}

const isPositive = ({ axes }: MatchProblem, { axis }: PartDim) =>
  axis !== null && axes[axis].scale === "positive";
const isLinear = ({ axes }: MatchProblem, { axis }: PartDim) =>
  axis !== null && axes[axis].group === "general-linear";

/** In which order scales can be fixed, each from parts whose other scales are fixed; most entries per index first. */
function scaleOrder(problem: MatchProblem): { axis: string; uses: readonly Use[] }[] {
  const { axes, parts } = problem;
  const order: { axis: string; uses: readonly Use[] }[] = [];
  const done = new Set<string>();
  for (;;) {
    let best: { axis: string; uses: readonly Use[]; entries: number } | undefined;
    for (const axis of Object.keys(axes)) {
      if (axes[axis].scale !== "positive" || done.has(axis)) continue;
      const usable = parts.flatMap(({ dims }, part): Use[] => {
        const dim = dims.findIndex((d) => d.axis === axis);
        if (dim === -1 || dims.some((d) => isLinear(problem, d))) return [];
        const free = dims.every(
          (d, at) => at === dim || !isPositive(problem, d) || done.has(d.axis ?? ""),
        );
        return free ? [{ part, dim }] : [];
      });
      const direct = usable.filter(({ part, dim }) => !parts[part].dims[dim].inverse);
      const uses = direct.length > 0 ? direct : usable;
      const entries = uses.reduce(
        (sum, { part, dim }) =>
          sum + parts[part].dims.reduce((n, { size }, at) => (at === dim ? n : n * size), 1),
        0,
      );
      const rank = direct.length > 0 ? entries : entries / 1e6;
      if (uses.length > 0 && rank > (best?.entries ?? 0)) best = { axis, uses, entries: rank };
    }
    if (best === undefined) return order;
    done.add(best.axis);
    order.push(best);
  }
}

async function normalizeScales(
  problem: MatchProblem,
  read: PartReader,
  element: GroupElement,
  axis: string,
  uses: readonly Use[],
): Promise<{ action: GroupElement[string]; dead: number }> {
  const { size } = problem.axes[axis];
  const squares = new Float64Array(instanceCount(problem, axis) * size);
  const move = mover(problem.axes, element);
  let inverse = false;
  for (const { part, dim } of uses) {
    const { dims } = problem.parts[part];
    inverse = dims[dim].inverse;
    addSquares(squares, dims, move(dims, await read(part)), dim);
  }
  const norms = Array.from(squares, Math.sqrt);
  const scales = element[axis].permutations.map((_, instance) =>
    norms
      .slice(instance * size, (instance + 1) * size)
      .map((norm) => (norm === 0 ? 1 : inverse ? norm : 1 / norm)),
  );
  return {
    action: { ...element[axis], scales },
    dead: norms.filter((norm) => norm === 0).length,
  };
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

/** Matrices after which both sides have the same diagonal Gram matrix, largest entries first; undefined when singular. */
async function balanceBases(
  problem: MatchProblem,
  read: PartReader,
  element: GroupElement,
  axis: string,
): Promise<GroupElement[string] | undefined> {
  const { size } = problem.axes[axis];
  const instances = instanceCount(problem, axis);
  const grams = () => Array.from({ length: instances }, () => new Float64Array(size * size));
  const direct = grams();
  const inverse = grams();
  const move = mover(problem.axes, element);
  for (const [part, { dims }] of problem.parts.entries()) {
    const dim = dims.findIndex((d) => d.axis === axis);
    if (dim === -1 || dims.some((d, at) => at !== dim && isLinear(problem, d))) continue;
    addGrams(dims[dim].inverse ? inverse : direct, dims, move(dims, await read(part)), dim);
  }
  const matrices: number[][] = [];
  for (let instance = 0; instance < instances; instance++) {
    const matrix = balance(asMatrix(direct[instance], size), asMatrix(inverse[instance], size));
    if (matrix === undefined) return undefined;
    matrices.push(matrix);
  }
  return { ...element[axis], matrices };
}

const asMatrix = (data: Float64Array, size: number) => Matrix.from1DArray(size, size, data);

function addGrams(
  grams: Float64Array[],
  dims: readonly PartDim[],
  dense: Dense,
  dim: number,
): void {
  const { sizes, data } = dense;
  const size = sizes[dim];
  const lanes = lanesOf(sizes, dim, governorsOf(dims, dim));
  const column = new Float64Array(size);
  for (let o = 0; o < lanes.outer; o++) {
    for (let n = 0; n < lanes.inner; n++) {
      const gram = grams[(lanes.outerInstance?.[o] ?? 0) + (lanes.innerInstance?.[n] ?? 0)];
      for (let i = 0; i < size; i++) column[i] = data[(o * size + i) * lanes.inner + n];
      for (let i = 0; i < size; i++)
        for (let j = 0; j < size; j++) gram[i * size + j] += column[i] * column[j];
    }
  }
}

/**
 * M with M A M^T = M^-T B M^-1 = diag(s), s descending, for the Gram matrices A of the direct and B of the inverse side:
 * with A = L L^T and L^T B L = W diag(s^2) W^T, M = diag(sqrt s) W^T L^-1. Row-major; undefined when A or B is singular.
 */
function balance(a: Matrix, b: Matrix): number[] | undefined {
  const size = a.rows;
  const cholesky = new CholeskyDecomposition(a);
  if (!cholesky.isPositiveDefinite()) return undefined;
  const lower = cholesky.lowerTriangularMatrix;
  const eigen = new EigenvalueDecomposition(lower.transpose().mmul(b).mmul(lower), {
    assumeSymmetric: true,
  });
  const values = eigen.realEigenvalues; // ascending
  if (!(values[0] > 1e-12 * values[size - 1])) return undefined;
  const vectors = eigen.eigenvectorMatrix;
  const rows = new Matrix(size, size);
  for (let k = 0; k < size; k++) {
    const from = size - 1 - k;
    const root = values[from] ** 0.25;
    for (let i = 0; i < size; i++) rows.set(k, i, root * vectors.get(i, from));
  }
  // M L = rows: solve L^T M^T = rows^T by back substitution.
  const solved = new Matrix(size, size);
  for (let k = 0; k < size; k++) {
    for (let i = size - 1; i >= 0; i--) {
      let sum = rows.get(k, i);
      for (let j = i + 1; j < size; j++) sum -= solved.get(k, j) * lower.get(j, i);
      solved.set(k, i, sum / lower.get(i, i));
    }
  }
  return solved.to1DArray();
}
