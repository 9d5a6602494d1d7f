// The contract of a task: examples to learn from, and a small network that learns them, written for many networks at once.

import type { numpy as np } from "@jax-js/jax";
import type { RandomStream } from "../core/random.ts";
import type { Weights } from "../core/tensors.ts";
import type { Examples } from "../datasets/examples.ts";
import type { WeightBatch } from "../models/model.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";

/** Which training examples a network has seen, and the labels it was told, wrong ones included. */
export interface SeenExamples {
  readonly examples: readonly number[];
  readonly labels: Uint8Array;
}

/** How well a network does; losses are NaN where its outputs are. */
export interface Evaluation {
  /** Mean cross-entropy in nats of an example, on examples and labels it has seen. */
  readonly trainLoss: number;
  /** The same on the test examples. */
  readonly testLoss: number;
  /** Share of the test examples it answers rightly, in [0, 1]. */
  readonly testAccuracy: number;
}

/** What one step reads: named arrays with a leading population axis n. */
export type Batch = Readonly<Record<string, np.Array>>;

/**
 * A task with one network architecture. Weights and batches carry a leading population axis n: one entry per network. As
 * everywhere in jax-js, arrays given to these functions are consumed: pass `.ref` to keep them.
 */
export interface Task {
  readonly name: string;
  /** Labels run from 0 to classes - 1; wrong ones are drawn from them. */
  readonly classes: number;
  /** The network's tensors, and the group that leaves its output unchanged. */
  readonly spec: SymmetrySpec;
  readonly train: Examples;
  readonly test: Examples;
  /** Fresh weights of one network; `scale` multiplies the usual initial spread of every weight matrix. */
  init(random: RandomStream, scale: number): Weights;
  /** The arrays of a batch of so many examples, without the population axis. */
  batchShapes(size: number): Readonly<Record<string, readonly number[]>>;
  /** Writes a training example, with the label it is to be given, as number `at` of a network's batch. */
  writeExample(
    arrays: Readonly<Record<string, Float32Array>>,
    at: number,
    size: number,
    example: number,
    label: number,
  ): void;
  /** Mean cross-entropy [n] in nats of an example. Pure: runs under `jit` and `grad`. */
  loss(weights: WeightBatch, batch: Batch): np.Array;
  /** Gradients of every network's loss, by tensor; equal to `grad` of `loss` and faster. Not for use under `jit`. */
  gradients(weights: WeightBatch, batch: Batch): WeightBatch;
  /** How well each of n networks does; `seen` has one entry a network. Consumes the weights. */
  evaluate(weights: WeightBatch, seen: readonly SeenExamples[]): Promise<readonly Evaluation[]>;
}
