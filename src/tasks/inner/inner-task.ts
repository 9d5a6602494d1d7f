// The contract of inner tasks: what a learned optimizer is meta-trained on and measured with. A small network, written for n networks at
// once, with its loss, its gradients and endless batches.

import type { RandomStream } from "../../core/random.ts";
import type { ClassifierForm } from "../../kernels/networks/classifier-kernel.ts";
import type { numpy as np } from "@jax-js/jax";
import type { Weights } from "../../core/tensors.ts";
import type { WeightBatch } from "../../models/model.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import type { Batch } from "../task.ts";

/** Examples: rows of inputs and the class of every row. */
export interface LabelledRows {
  /** [rows, ...] */
  readonly inputs: Float32Array;
  /** [rows] */
  readonly labels: ArrayLike<number>;
}

/** A loss and gradients of n networks. */
export interface LossAndGradients {
  /** [n] */
  readonly losses: np.Array;
  readonly gradients: WeightBatch;
}

/** What a learned optimizer is trained on. */
export interface InnerTask {
  readonly name: string;
  /** The network's tensors and symmetries. */
  readonly spec: SymmetrySpec;
  /** The loss of a network that knows nothing: losses above 1.5 times this count as that in meta-training. */
  readonly chance: number;
  /** Fresh weights of one network. */
  readonly init: (random: RandomStream) => Weights;
  /** The arrays of one batch, without the leading axis n. */
  readonly batchShapes: Readonly<Record<string, readonly number[]>>;
  /** Draws a batch for training. The arrays are overwritten. */
  readonly writeBatch: (
    arrays: Readonly<Record<string, Float32Array>>,
    random: RandomStream,
  ) => void;
  /** Of a batch [n, ...]. Not for use under `jit`. @keeps weights @consumes batch */
  readonly lossAndGradients: (weights: WeightBatch, batch: Batch) => LossAndGradients;
  /** The network as data, where kernels for one network can take its loss and gradients of `inputs` and `labels`. */
  readonly classifier?: ClassifierForm;
  /** The held-out examples of `testLoss` as rows of such kernels. */
  readonly testRows?: LabelledRows;
  /** Mean loss on held-out examples, one number a network. Keeps the weights. */
  readonly testLoss: (weights: WeightBatch) => Promise<number[]>;
}
