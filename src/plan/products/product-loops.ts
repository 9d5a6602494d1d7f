// Products of two tensors as loops: which index of the result each pair of entries meets. Both executors follow it, one by
// running the loops, the other by writing them as subscripts.

import type { AtomicTensor, LoweredSpec } from "../../symmetry/lower.ts";
import type { DimPairs, Formula } from "../../symmetry/formula.ts";

/** An index of a product, and whether operands and result have it. Fixed entries and channels are indices too. */
export interface ProductIndex {
  readonly size: number;
  readonly inX: boolean;
  readonly inY: boolean;
  readonly inResult: boolean;
}

export interface ProductLoops {
  readonly indices: readonly ProductIndex[];
  /** Per operand and for the result: its indices in order, [...dims, ...fixed, channels]. */
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly result: readonly number[];
}

/** The loops of a `contract` or `outer` formula. */
export function productLoops(
  lowered: LoweredSpec,
  formula: Formula & { op: "contract" | "outer" },
  channels: number,
): ProductLoops {
  const [x, y] = formula.operands.map((id): AtomicTensor => lowered.tensors[id]);
  const indices: ProductIndex[] = [];
  const add = (index: ProductIndex): number => indices.push(index) - 1;
  const summed: DimPairs = formula.op === "contract" ? formula.summed : [];
  const sizeOf = ({ axis }: AtomicTensor["dims"][number]) => lowered.axes[axis].size;
  const dimsX = x.dims.map((dim, i) =>
    add({
      size: sizeOf(dim),
      inX: true,
      inY: [...summed, ...formula.shared].some(([a]) => a === i),
      inResult: !summed.some(([a]) => a === i),
    }),
  );
  const dimsY = y.dims.map((dim, j) => {
    const pair = [...summed, ...formula.shared].find(([, b]) => b === j);
    if (pair !== undefined) return dimsX[pair[0]];
    return add({ size: sizeOf(dim), inX: false, inY: true, inResult: true });
  });
  const inner = formula.op === "outer" ? formula.inner : 1;
  const left = add({ size: x.fixedSize / inner, inX: true, inY: false, inResult: true });
  const joint = add({ size: inner, inX: true, inY: true, inResult: false });
  const right = add({ size: y.fixedSize / inner, inX: false, inY: true, inResult: true });
  const channel = add({ size: channels, inX: true, inY: true, inResult: true });
  const kept = (places: readonly number[]) => places.filter((place) => indices[place].inResult);
  const ofY = dimsY.filter((place) => !indices[place].inX);
  return {
    indices,
    x: [...dimsX, left, joint, channel],
    y: [...dimsY, joint, right, channel],
    result: [...kept(dimsX), ...ofY, left, right, channel],
  };
}
