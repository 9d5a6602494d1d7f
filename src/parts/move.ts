// A group element acting on dense parts, one dimension at a time (the action of group/act.ts in the form alignment uses).

import { lookup } from "../core/records.ts";
import type { GroupElement } from "../symmetry/element.ts";
import { invertMatrix, transposeMatrix } from "../symmetry/matrices.ts";
import type { PartDim } from "../symmetry/parts.ts";
import {
  governorsOf,
  innermostFirst,
  lanesOf,
  type Dense,
  type Lanes,
  type Numbers,
} from "./dense.ts";
import type { MatchProblem } from "./problem.ts";

/** How an element moves parts; inverse dimensions get inverse scales and inverse transposed matrices. */
export function mover(
  axes: MatchProblem["axes"],
  element: GroupElement,
): (dims: readonly PartDim[], dense: Dense) => Dense {
  // Worked out for the axes that are asked for: an element of thousands of axes often moves parts of two.
  const dual = new Map<string, readonly (readonly number[])[] | undefined>();
  const still = new Map<string, boolean>();
  const dualOf = (axis: string) => {
    if (!dual.has(axis)) {
      const { size } = axes[axis];
      const inverted = element[axis].matrices?.map((m) =>
        transposeMatrix(invertMatrix(m, size), size),
      );
      dual.set(axis, inverted);
    }
    return dual.get(axis);
  };
  const staysStill = (axis: string) => {
    const known = still.get(axis) ?? isStill(element[axis]);
    still.set(axis, known);
    return known;
  };
  return (dims, dense) => moveDense(dims, dense, element, dualOf, staysStill);
}

/** Whether an action leaves every index as it is. */
const isStill = ({ permutations, scales, matrices }: GroupElement[string]): boolean =>
  matrices === undefined &&
  permutations.every((p) => p.every((to, i) => to === i)) &&
  (scales?.every((factors) => factors.every((s) => s === 1)) ?? true);

function moveDense(
  dims: readonly PartDim[],
  dense: Dense,
  element: GroupElement,
  inverseTransposed: (axis: string) => readonly (readonly number[])[] | undefined,
  staysStill: (axis: string) => boolean,
): Dense {
  let { data } = dense;
  const { sizes } = dense;
  for (const dim of innermostFirst(dims)) {
    const { axis, inverse } = dims[dim];
    const action = axis === null ? undefined : lookup(element, axis);
    if (axis === null || action === undefined || staysStill(axis)) continue;
    const matrices = inverse ? inverseTransposed(axis) : action.matrices;
    const lanes = lanesOf(sizes, dim, governorsOf(dims, dim));
    const next =
      data instanceof Float64Array ? new Float64Array(data.length) : new Float32Array(data.length);
    if (matrices === undefined) moveLanes(data, next, sizes[dim], lanes, action, inverse);
    else multiplyLanes(data, next, sizes[dim], lanes, matrices);
    data = next;
  }
  return { sizes, data };
}

function moveLanes(
  source: Numbers,
  target: Numbers,
  size: number,
  { outer, inner, outerInstance, innerInstance }: Lanes,
  action: GroupElement[string],
  inverse: boolean,
): void {
  const { permutations, scales } = action;
  const factorAt = (instance: number, i: number) =>
    scales === undefined ? 1 : inverse ? 1 / scales[instance][i] : scales[instance][i];
  for (let o = 0; o < outer; o++) {
    const base = o * size * inner;
    const first = outerInstance?.[o] ?? 0;
    for (let i = 0; i < size; i++) {
      if (innerInstance === null) {
        const to = base + permutations[first][i] * inner;
        const from = base + i * inner;
        const factor = factorAt(first, i);
        for (let n = 0; n < inner; n++) target[to + n] = factor * source[from + n] + 0; // no -0
        continue;
      }
      for (let n = 0; n < inner; n++) {
        const instance = first + innerInstance[n];
        target[base + permutations[instance][i] * inner + n] =
          factorAt(instance, i) * source[base + i * inner + n] + 0;
      }
    }
  }
}

function multiplyLanes(
  source: Numbers,
  target: Numbers,
  size: number,
  { outer, inner, outerInstance, innerInstance }: Lanes,
  matrices: readonly (readonly number[])[],
): void {
  for (let o = 0; o < outer; o++) {
    const base = o * size * inner;
    for (let n = 0; n < inner; n++) {
      const matrix = matrices[(outerInstance?.[o] ?? 0) + (innerInstance?.[n] ?? 0)];
      for (let row = 0; row < size; row++) {
        let sum = 0;
        for (let k = 0; k < size; k++) sum += matrix[row * size + k] * source[base + k * inner + n];
        target[base + row * inner + n] = sum;
      }
    }
  }
}
