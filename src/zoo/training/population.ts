// Many networks of one architecture on the host.

import type { Run } from "./run.ts";

/** Named arrays of many networks. */
export type Stacks = Readonly<Record<string, StackedTensor>>;

export interface StackedTensor {
  /** [n, ...shape] */
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

export interface Population {
  /** Tensor name -> [n, ...shape], in the order of the indices. */
  readonly weights: Stacks;
  readonly runs: readonly Run[];
}
