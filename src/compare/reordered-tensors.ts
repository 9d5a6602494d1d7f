// Which tensors of two checkpoints are equal up to a reordering, how much of each dimension moved, and what the
// reordering is known as.

import type { CommonReaders } from "./common-format.ts";
import { knownLayout, type KnownLayout } from "./layouts.ts";
import { findReordering, type Reordering } from "./reordering.ts";
import type { TensorDifference } from "../parts/tensor-difference.ts";

/** How the rows or columns of one tensor were reordered. */
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
  { a, b }: Pick<CommonReaders, "a" | "b">,
  differing: readonly TensorDifference[],
  signal?: AbortSignal,
): Promise<TensorReordering[]> {
  const found: TensorReordering[] = [];
  for (const { tensor, shape } of differing) {
    signal?.throwIfAborted();
    const permutations = await findReordering(await a(tensor), await b(tensor));
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
