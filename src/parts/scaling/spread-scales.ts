// Scales of networks so deep that unit norms, layer upon layer, leave the range of numbers. Each axis first keeps the mean size
// that it has; then every axis gets one factor for all its indices, so that the logarithms of the sizes of all tensors have the
// least squares. What is left does not depend on the member of the orbit that it began from.

import { UnsupportedError } from "../../core/errors.ts";
import type { GroupElement } from "../../symmetry/element.ts";
import { partAction } from "../../symmetry/act.ts";
import { powerOf } from "../../symmetry/parts.ts";
import { rootMeanSquare } from "../features/messages.ts";
import type { MatchProblem, PartReader } from "../problem.ts";

/** Scales whose logarithms to base 2 are farther from 0 are out of range: products of several of them have to be numbers too. */
const maxExponent = 240;

/** Whether all scales of these axes are numbers with which one can go on. */
export const inRange = (element: GroupElement, axes: readonly string[]): boolean =>
  axes.every((axis) =>
    (element[axis].scales ?? []).every((scales) =>
      scales.every((s) => Math.abs(Math.log2(s)) <= maxExponent),
    ),
  );

/** The scales with their geometric mean 1; those that `isUnset` stay. */
export function withUnitMean(
  action: GroupElement[string],
  isUnset: (scale: number) => boolean,
): GroupElement[string] {
  const set = (action.scales ?? []).flat().filter((s) => !isUnset(s));
  const mean = set.reduce((sum, s) => sum + Math.log(s), 0) / Math.max(1, set.length);
  const scales = action.scales?.map((ofInstance) =>
    ofInstance.map((s) => (isUnset(s) ? s : Math.exp(Math.log(s) - mean))),
  );
  return { ...action, ...(scales && { scales }) };
}

/**
 * Multiplies the scales of each axis by one factor.
 * @throws {UnsupportedError} where the scales are out of range all the same
 */
export async function spreadScales(
  problem: MatchProblem,
  read: PartReader,
  element: Record<string, GroupElement[string]>,
  axes: readonly string[],
): Promise<void> {
  const number = new Map(axes.map((axis, i) => [axis, i]));
  const move = partAction(problem.axes, element);
  const rows: { readonly charges: Map<number, number>; readonly size: number }[] = [];
  for (const [part, { dims }] of problem.parts.entries()) {
    const charges = new Map<number, number>();
    for (const dim of dims) {
      const at = dim.axis === null ? undefined : number.get(dim.axis);
      if (at !== undefined) charges.set(at, (charges.get(at) ?? 0) + powerOf(dim));
    }
    const rms = charges.size === 0 ? 0 : rootMeanSquare(move(dims, await read(part)).data);
    if (rms > 0) rows.push({ charges, size: Math.log(rms) });
  }
  const offsets = leastSquares(rows, axes.length);
  for (const [i, axis] of axes.entries()) {
    const factor = Math.exp(offsets[i]);
    const scales = element[axis].scales?.map((ofInstance) => ofInstance.map((s) => s * factor));
    element[axis] = { ...element[axis], ...(scales && { scales }) };
  }
  if (!inRange(element, axes))
    throw new UnsupportedError(
      "normalizeScales: the scales of this network leave the range of 64-bit numbers, layer upon layer; networks whose layers grow or shrink that much cannot be brought to a common scale",
    );
}

/** Conjugate gradients on the normal equations of `size + sum of charge * x = 0`, the shortest solution. */
function leastSquares(
  rows: readonly { readonly charges: ReadonlyMap<number, number>; readonly size: number }[],
  count: number,
): Float64Array {
  const apply = (x: Float64Array): Float64Array => {
    const y = new Float64Array(count);
    for (const { charges } of rows) {
      let sum = 0;
      for (const [at, charge] of charges) sum += charge * x[at];
      for (const [at, charge] of charges) y[at] += charge * sum;
    }
    return y;
  };
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  const solution = new Float64Array(count);
  const residual = new Float64Array(count);
  for (const { charges, size } of rows)
    for (const [at, charge] of charges) residual[at] -= charge * size;
  let direction = residual.slice();
  let rest = dot(residual, residual);
  const enough = 1e-26 * rest;
  for (let step = 0; step < 4 * count + 16 && rest > enough; step++) {
    const image = apply(direction);
    const along = rest / dot(direction, image);
    if (!Number.isFinite(along)) break;
    for (let i = 0; i < count; i++) {
      solution[i] += along * direction[i];
      residual[i] -= along * image[i];
    }
    const next = dot(residual, residual);
    const turn = next / rest;
    direction = direction.map((x, i) => residual[i] + turn * x);
    rest = next;
  }
  return solution;
}
