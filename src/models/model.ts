// The contracts of models over weights.

import type { numpy as np } from "@jax-js/jax";
import type { Stage } from "../layers/stage.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";

/** Trainable parameters by dotted path; a plain flat object, so that optimizers and checkpoints need no tree walking. */
export type Params = { [path: string]: np.Array };

/** The weights of a batch of networks: tensor name -> [batch, ...shape], or [batch, ...shape, channels]. */
export type WeightBatch = { [tensor: string]: np.Array };

/**
 * How weights are brought to a common size before a model reads them: divided by one number a tensor and then compressed
 * (`asinh`), or only divided (`linear`), which scales and bases of the weights survive.
 */
export type InputKind = "asinh" | "linear";

export interface ApplyOptions {
  /** Random key for dropout; no dropout without it. */
  readonly key?: np.Array;
}

/** A model in pieces that are compiled one by one (see nn/stage.ts): the same function as its `apply`. */
export interface StagedModel {
  /** Weights -> inputs of the first stage. Pure; consumes. @throws {ShapeError} */
  readonly open: (weights: WeightBatch) => np.Array[];
  /** The last one's only output are the predictions [batch, outputs]; every parameter lies in one stage's scope. */
  readonly stages: readonly Stage[];
}

/** A model that reads one vector without parameters off every network: training reads it once a network, not once a pass. */
export interface VectorModel {
  /** Weights -> [batch, width]. Pure; consumes. @throws {ShapeError} */
  readonly read: (weights: WeightBatch) => np.Array;
  /** Predictions [batch, outputs] from the vectors. Pure; consumes. */
  readonly predict: (params: Params, vectors: np.Array, options?: ApplyOptions) => np.Array;
}

/** A function of weights with parameters. Arguments are consumed, as everywhere in jax-js: pass `.ref` to keep them. */
export interface Model {
  readonly name: string;
  readonly spec: SymmetrySpec;
  /** Number of output values per network. */
  readonly outputs: number;
  readonly parameterCount: number;
  /** Fresh parameters, the same for the same seed. */
  init(seed: number): Params;
  /** Predictions [batch, outputs]. Pure: runs under `jit` and `grad`. */
  apply(params: Params, weights: WeightBatch, options?: ApplyOptions): np.Array;
  /** Used by training and prediction in place of `apply`, and faster than it compiled as a whole; leave it out of a model that wraps
   * another one. @default only `apply` */
  readonly staged?: StagedModel;
  /** The same function in two steps, used by training in place of `apply`. @default only `apply` */
  readonly vector?: VectorModel;
}

/** A map from weights to arrays of the same shapes that moves together with them. Arguments are consumed. */
export interface EquivariantModel {
  readonly name: string;
  readonly spec: SymmetrySpec;
  /** Channels of the output. */
  readonly channels: number;
  readonly parameterCount: number;
  init(seed: number): Params;
  /** Tensor name -> [batch, ...shape, channels]. Pure: runs under `jit` and `grad`. */
  apply(params: Params, weights: WeightBatch): WeightBatch;
}
