// The contract of a task: a small network, written for many networks at once, what each of them learns from, and named
// numbers that say how well each does. Classifiers, images as functions, regressions and language models all fit it.

import type { numpy as np } from "@jax-js/jax";
import type { MetricInfo } from "../core/metric-info.ts";
import type { RandomStream } from "../core/random.ts";
import type { Weights } from "../core/tensors.ts";
import type { NetworkKernel } from "../kernels/networks/network-kernel.ts";
import type { SineFitTensor, SineFitShape } from "../kernels/sine-fits/layout.ts";
import type { WeightBatch } from "../models/model.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";

/** How well a network does: one number for each metric of the task, NaN where it is undefined. */
export type Evaluation = Readonly<Record<string, number>>;

/** A training run, as far as a task may ask about it when it chooses what the run learns from. */
export interface RunDraw {
  /** Position of the run in the zoo, from 0. */
  readonly index: number;
  /** Seed of the zoo. */
  readonly seed: number;
  /** Share of the training data the run may see, above 0. */
  readonly dataFraction: number;
  /** Share of labels that are to be wrong, in [0, 1]. */
  readonly labelNoise: number;
  /** Random numbers for one purpose of this run, unrelated to those of every other run and purpose. */
  random(purpose: string): RandomStream;
}

/** What one run learns from: examples 0 to `count - 1`. Tasks add what they need to write them. */
export interface RunData {
  readonly count: number;
}

/** What one step reads: named arrays with a leading population axis n. */
export type Batch = Readonly<Record<string, np.Array>>;

/**
 * Networks that the kernel of sine networks fits: two sine layers and a linear one, inputs-hidden-hidden-1, with the mean of squared errors
 * as their loss. Batches of their task are "places" [size, inputs] and "values" [size, 1], and writing an example reads no random numbers.
 */
export interface SineFit {
  readonly shape: SineFitShape;
  /** The task's names of the kernel's tensors: weights and biases of the three layers. */
  readonly tensors: Readonly<Record<SineFitTensor, string>>;
}

/**
 * A task with one network architecture. Weights and batches carry a leading population axis n: one entry per network. As
 * everywhere in jax-js, arrays given to these functions are consumed: pass `.ref` to keep them.
 */
export interface Task<Data extends RunData = RunData> {
  readonly name: string;
  /** The network's tensors, and the group that leaves its output unchanged. */
  readonly spec: SymmetrySpec;
  /** What `evaluate` measures; at least one. */
  readonly metrics: readonly MetricInfo[];
  /** The metric that functionals predict unless they are asked for another. */
  readonly target: string;
  /** What a run learns from; the same for the same run. Two runs may share examples or have none in common. */
  dataFor(run: RunDraw): Data;
  /** Fresh weights of one network; `scale` multiplies the usual initial standard deviation of every weight matrix. */
  init(random: RandomStream, scale: number): Weights;
  /** The arrays of a batch of so many examples, without the population axis. */
  batchShapes(size: number): Readonly<Record<string, readonly number[]>>;
  /** Writes example number `example` of a run's data as number `at` of its batch; the arrays hold zeros before. */
  writeExample(
    arrays: Readonly<Record<string, Float32Array>>,
    at: number,
    size: number,
    data: Data,
    example: number,
  ): void;
  /** Mean loss [n] of a batch. Pure: runs under `jit` and `grad`. */
  loss(weights: WeightBatch, batch: Batch): np.Array;
  /** Gradients of every network's loss, by tensor; equal to `grad` of `loss` and faster. Not for use under `jit`. */
  gradients(weights: WeightBatch, batch: Batch): WeightBatch;
  /** Says that the kernel of sine networks fits the networks of this task. @default the array engine trains them */
  readonly sines?: SineFit;
  /**
   * A kernel that takes the loss and the gradients of one network on batches of so many examples, arrays as `writeExample` writes them, and
   * equal to `gradients` but for rounding. @default the array engine takes them, of many networks at once
   */
  readonly kernelOf?: (batch: number) => NetworkKernel;
  /** How well each of n networks does; `data` has one entry a network. @consumes weights */
  evaluate(weights: WeightBatch, data: readonly Data[]): Promise<readonly Evaluation[]>;
}
