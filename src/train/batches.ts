// The order in which training sees networks: a fresh shuffle every epoch, fixed by seed and epoch alone, so that a run
// resumed in the middle of an epoch sees exactly the batches it would have seen.

import { OptionError } from "../core/errors.ts";
import { deriveSeed, randomStream } from "../core/random.ts";

export interface BatchPlan {
  readonly size: number;
  /** Networks per batch: never more than there are. */
  readonly batchSize: number;
  /** Full batches per epoch; the few networks left over sit out, different ones every epoch. */
  readonly batches: number;
  /** The positions in batch `index` of this epoch, both from 0. */
  indices(epoch: number, index: number): number[];
}

/**
 * Batches of one size over `size` networks (one size means one compiled program).
 * @throws {OptionError} when the batch size is not a whole number of at least 1.
 */
export function batchPlan(size: number, batchSize: number, seed: number): BatchPlan {
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new OptionError(
      `batchPlan: batch size expected a whole number of at least 1, got ${batchSize}`,
    );
  }
  const used = Math.min(size, batchSize);
  let cached: { epoch: number; order: number[] } | undefined;
  const orderOf = (epoch: number) => {
    if (cached?.epoch !== epoch) {
      const stream = randomStream(deriveSeed(seed, "batches", epoch));
      cached = { epoch, order: stream.permutation(size) };
    }
    return cached.order;
  };
  return {
    size,
    batchSize: used,
    batches: Math.floor(size / used),
    indices: (epoch, index) => orderOf(epoch).slice(index * used, (index + 1) * used),
  };
}

/** Positions 0..size-1 in batches of one size; the last one repeats its final position, `count` of it are real. */
export function evaluationBatches(
  size: number,
  batchSize: number,
): { readonly indices: number[]; readonly count: number }[] {
  const used = Math.min(size, batchSize);
  return Array.from({ length: Math.ceil(size / used) }, (_, batch) => {
    const start = batch * used;
    const indices = Array.from({ length: used }, (_, i) => Math.min(start + i, size - 1));
    return { indices, count: Math.min(used, size - start) };
  });
}
