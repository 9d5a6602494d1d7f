// Bases of general-linear axes in which both sides have equal Gram matrices, axis after axis.

import { Matrix } from "ml-matrix";
import { type GroupElement, instanceCount } from "../../symmetry/element.ts";
import { identityMatrix } from "../../symmetry/matrices.ts";
import type { PartDim } from "../../symmetry/parts.ts";
import { balance } from "./balance.ts";
import { parentsOf, lanesOf, type Dense } from "../../symmetry/dense.ts";
import { partAction } from "../../symmetry/act.ts";
import type { MatchProblem, PartReader } from "../problem.ts";
import { isLinear, type Use } from "./unit-norms.ts";

/** Axes with bases, each after those it shares its parts with. */
export function basisOrder(problem: MatchProblem): string[] {
  const linear = Object.keys(problem.axes).filter(
    (name) => problem.axes[name].group === "general-linear",
  );
  const order: string[] = [];
  for (;;) {
    const next = linear.filter(
      (axis) => !order.includes(axis) && basisUses(problem, axis, order).length > 0,
    );
    if (next.length === 0) return order;
    order.push(...next);
  }
}

/** Parts that have a basis once and no other basis that is not done. */
function basisUses(problem: MatchProblem, axis: string, done: readonly string[]): Use[] {
  return problem.parts.flatMap(({ dims }, part): Use[] => {
    const dim = dims.findIndex((d) => d.axis === axis);
    const free = dims.every(
      (d, at) => at === dim || !isLinear(problem, d) || done.includes(d.axis ?? ""),
    );
    return dim === -1 || !free ? [] : [{ part, dim }];
  });
}

/** Matrices after which both sides have the same diagonal Gram matrix, largest entries first; singular ones are counted. */
export async function balanceBases(
  problem: MatchProblem,
  read: PartReader,
  element: GroupElement,
  axis: string,
): Promise<{ action: GroupElement[string]; singular: number }> {
  const { size } = problem.axes[axis];
  const instances = instanceCount(problem, axis);
  const grams = () => Array.from({ length: instances }, () => new Float64Array(size * size));
  const direct = grams();
  const inverse = grams();
  const move = partAction(problem.axes, element);
  const order = basisOrder(problem);
  for (const { part, dim } of basisUses(problem, axis, order.slice(0, order.indexOf(axis)))) {
    const { dims } = problem.parts[part];
    addGrams(dims[dim].inverse ? inverse : direct, dims, move(dims, await read(part)), dim);
  }
  let singular = 0;
  const matrices = direct.map((gram, instance) => {
    const { matrix, full } = balance(asMatrix(gram, size), asMatrix(inverse[instance], size));
    if (!full) singular++;
    return matrix ?? identityMatrix(size);
  });
  return { action: { ...element[axis], matrices }, singular };
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
  const lanes = lanesOf(sizes, dim, parentsOf(dims, dim));
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
