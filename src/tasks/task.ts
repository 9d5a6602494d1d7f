// The contract of a task: data to learn from, and a small network that learns it, written for many networks at once.

import type { numpy as np } from "@jax-js/jax";
import type { RandomStream } from "../core/random.ts";
import type { Weights } from "../core/tensors.ts";
import type { WeightBatch } from "../models/model.ts";
import type { SymmetrySpec } from "../spec/types.ts";

/** Examples to classify. */
export interface Dataset {
  /** Number of examples. */
  readonly count: number;
  /** Row-major [count, features]. */
  readonly inputs: Float32Array<ArrayBuffer>;
  /** [count], each from 0 to classes - 1. */
  readonly labels: Uint8Array;
}

/**
 * A classification task. Weights, inputs and targets carry a leading population axis n: one entry per network. As
 * everywhere in jax-js, arrays given to these functions are consumed: pass `.ref` to keep them.
 */
export interface Task {
  readonly name: string;
  readonly features: number;
  readonly classes: number;
  /** The network's tensors, and the group that leaves its output unchanged. */
  readonly spec: SymmetrySpec;
  readonly train: Dataset;
  readonly test: Dataset;
  /** Fresh weights of one network; `scale` multiplies the usual initial spread of every weight matrix. */
  init(random: RandomStream, scale: number): Weights;
  /** Class scores [n, classes, batch] from inputs [n, batch, features] (or [1, ...], the same for all). Pure. */
  logits(weights: WeightBatch, inputs: np.Array): np.Array;
  /** Mean cross-entropy [n] in nats, from one-hot targets [n, classes, batch]. Pure: runs under `jit` and `grad`. */
  loss(weights: WeightBatch, inputs: np.Array, targets: np.Array): np.Array;
  /** Gradients of every network's loss, by tensor; equal to `grad` of `loss` and faster. Not for use under `jit`. */
  gradients(weights: WeightBatch, inputs: np.Array, targets: np.Array): WeightBatch;
}
