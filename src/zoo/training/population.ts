// Many networks of one architecture on the host.

import type { Run } from "./run.ts";

/** Named arrays of many networks. */
export type Stacks = Readonly<Record<string, StackedTensor>>;

/** One tensor of n networks, one after the other. */
export interface StackedTensor {
  /** [n, ...shape] */
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** Networks that were trained together, with a row for each. */
export interface TrainedPopulation {
  /** Tensor name -> [n, ...shape], in the order of the indices. */
  readonly weights: Stacks;
  readonly runs: readonly Run[];
}
