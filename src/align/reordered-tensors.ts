// Which tensors of two checkpoints are equal up to a reordering, how much of each dimension moved, and what the
// reordering is known as.

import type { TensorSource } from "../formats/tensor-source.ts";
import { knownLayout, type KnownLayout } from "./layouts.ts";
import type { WeightReader } from "./problem.ts";
import { findReordering, reorder, type Reordering } from "./reordering.ts";
import type { TensorDifference } from "./tensor-difference.ts";

export interface TensorReordering {
  readonly tensor: string;
  /** Dimensions that are reordered. */
  readonly dimensions: readonly {
    readonly dimension: number;
    readonly size: number;
    /** Indices that go elsewhere. */
    readonly moved: number;
    readonly layout?: KnownLayout;
  }[];
  /** By dimension, where every index of the second tensor goes in the first. */
  readonly permutations: Reordering;
}

/** Those of the differing tensors that are reorderings. */
export async function describeReorderings(
  a: TensorSource,
  b: TensorSource,
  differing: readonly TensorDifference[],
  signal?: AbortSignal,
): Promise<TensorReordering[]> {
  const found: TensorReordering[] = [];
  for (const { tensor, shape } of differing) {
    signal?.throwIfAborted();
    const permutations = await findReordering(await a.read(tensor), await b.read(tensor));
    if (permutations === undefined) continue;
    const dimensions = permutations.flatMap((permutation, dimension) => {
      const moved = permutation.filter((to, from) => to !== from).length;
      if (moved === 0) return [];
      const layout = knownLayout(permutation);
      return [{ dimension, size: shape[dimension], moved, ...(layout && { layout }) }];
    });
    found.push({ tensor, dimensions, permutations });
  }
  return found;
}

/** The second file with its known layouts brought to the first file's; undefined when none is known. */
export function undoLayouts(
  b: TensorSource,
  reordered: readonly TensorReordering[],
): WeightReader | undefined {
  const known = new Map(
    reordered
      .filter(({ dimensions }) => dimensions.some(({ layout }) => layout !== undefined))
      .map((entry) => [entry.tensor, entry]),
  );
  if (known.size === 0) return undefined;
  return async (name) => {
    const tensor = await b.read(name);
    const entry = known.get(name);
    if (entry === undefined) return tensor;
    const permutations = entry.permutations.map((permutation, dimension) =>
      entry.dimensions.some((d) => d.dimension === dimension && d.layout !== undefined)
        ? permutation
        : permutation.map((_, i) => i),
    );
    return reorder(tensor, permutations);
  };
}
