// Bases of general-linear axes in which both sides have equal Gram matrices, axis after axis.

import { Matrix } from "ml-matrix";
import { type GroupElement, instanceCount } from "../../symmetry/element.ts";
import { identityMatrix } from "../../symmetry/matrices.ts";
import type { PartDim } from "../../symmetry/parts.ts";
import { balance } from "./balance.ts";
import { addFactorSums, balanceFactors, factorSums, keepsSigns } from "./balance-factors.ts";
import { isFactor } from "../../symmetry/types.ts";
import { parentsOf, lanesOf, type Dense } from "../../symmetry/dense.ts";
import { partAction } from "../../symmetry/act.ts";
import type { MatchProblem, PartReader } from "../problem.ts";
import { isLinear, type Use } from "./unit-norms.ts";

/** An axis with a basis, and the parts that tell it. */
export interface BasisAxis {
  readonly axis: string;
  readonly uses: readonly Use[];
}

/**
 * Axes with bases, each after those it shares its parts with. Of those that can be done next, the ones come first that all their
 * parts can tell, then factors, which any part tells.
 */
export function basisOrder(problem: MatchProblem): BasisAxis[] {
  const places = basisPlaces(problem);
  const done = new Set<string>();
  const order: BasisAxis[] = [];
  // An axis is looked at again only when one that it shares a part with was done.
  const look = (axis: string) => {
    const all = places.get(axis) ?? [];
    const uses = all.filter(({ part }) =>
      problem.parts[part].dims.every(
        (d) => d.axis === axis || !isLinear(problem, d) || done.has(d.axis ?? ""),
      ),
    );
    return { axis, uses, isWhole: uses.length === all.length };
  };
  const waiting = new Map([...places.keys()].map((axis) => [axis, look(axis)]));
  for (;;) {
    const ready = [...waiting.values()].filter(({ uses }) => uses.length > 0);
    const next = [
      ready.filter(({ isWhole }) => isWhole),
      ready.filter(({ axis }) => isFactor(problem.axes[axis])),
      ready,
    ].find((some) => some.length > 0);
    if (next === undefined) return order;
    for (const { axis, uses } of next) {
      order.push({ axis, uses });
      done.add(axis);
      waiting.delete(axis);
    }
    const touched = next.flatMap(({ axis }) =>
      (places.get(axis) ?? []).flatMap(({ part }) =>
        problem.parts[part].dims.flatMap((d) => d.axis ?? []),
      ),
    );
    for (const axis of new Set(touched)) if (waiting.has(axis)) waiting.set(axis, look(axis));
  }
}

/** By axis with a basis, the first dimension of every part that has it. */
function basisPlaces(problem: MatchProblem): Map<string, Use[]> {
  const places = new Map<string, Use[]>();
  for (const [part, { dims }] of problem.parts.entries()) {
    const linear = dims.flatMap((d) => (isLinear(problem, d) ? (d.axis ?? []) : []));
    for (const axis of new Set(linear)) {
      const use = { part, dim: dims.findIndex((d) => d.axis === axis) };
      const known = places.get(axis);
      if (known === undefined) places.set(axis, [use]);
      else known.push(use);
    }
  }
  return places;
}

/** Matrices after which both sides have the same diagonal Gram matrix, largest entries first; singular ones are counted. */
export async function balanceBases(
  problem: MatchProblem,
  read: PartReader,
  element: GroupElement,
  { axis, uses }: BasisAxis,
): Promise<{ action: GroupElement[string]; singular: number }> {
  const { size } = problem.axes[axis];
  const instances = instanceCount(problem, axis);
  if (isFactor(problem.axes[axis]))
    return balanceAxisFactors(problem, read, element, { axis, uses });
  const grams = () => Array.from({ length: instances }, () => new Float64Array(size * size));
  const direct = grams();
  const inverse = grams();
  const move = partAction(problem.axes, element);
  for (const { part, dim } of uses) {
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

/** The same for an axis that is one factor for every index of another. */
async function balanceAxisFactors(
  problem: MatchProblem,
  read: PartReader,
  element: GroupElement,
  { axis, uses }: BasisAxis,
): Promise<{ action: GroupElement[string]; singular: number }> {
  const instances = instanceCount(problem, axis);
  const [direct, inverse] = [factorSums(instances), factorSums(instances)];
  const move = partAction(problem.axes, element);
  for (const { part, dim } of uses) {
    const { dims } = problem.parts[part];
    const dense = move(dims, await read(part));
    const side = dims[dim].inverse ? inverse : direct;
    addFactorSums(side, dims, dense, dim, keepsSigns(problem, dims));
  }
  return balanceFactors(element[axis], direct, inverse);
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
