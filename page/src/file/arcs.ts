// The graph of a file collapsed to its axes: two axes are joined where a tensor has both.

import type { DescribedAxis, DescribedTensor } from "./description.ts";

/** Two axes of the table that some tensors have together. */
export interface Arc {
  /** Rows, the upper one first. */
  readonly from: number;
  readonly to: number;
  readonly names: readonly [string, string];
  /** How many tensors have both. */
  readonly tensors: number;
}

/** The arcs between the rows of `axes`; a tensor with three axes joins the first with the second and that with the third. */
export function arcsOf(
  axes: readonly Pick<DescribedAxis, "name">[],
  tensors: readonly Pick<DescribedTensor, "axes">[],
): Arc[] {
  const rows = new Map(axes.map(({ name }, index) => [name, index]));
  const found = new Map<string, Arc>();
  for (const tensor of tensors) {
    for (const [i, name] of tensor.axes.slice(0, -1).entries()) {
      const [a, b] = [rows.get(name), rows.get(tensor.axes[i + 1])];
      if (a === undefined || b === undefined) continue;
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      const key = `${from} ${to}`;
      const count = (found.get(key)?.tensors ?? 0) + 1;
      found.set(key, { from, to, names: [axes[from].name, axes[to].name], tensors: count });
    }
  }
  return [...found.values()];
}

/** How thick an arc of this many tensors is drawn, in pixels. */
export const arcWidth = (tensors: number): number => Math.min(6, 1.25 + Math.log2(tensors) * 0.75);
