// The contracts of models over weights.

import type { numpy as np } from "@jax-js/jax";
import { OptionError } from "../core/errors.ts";
import type { Stage } from "../layers/stage.ts";
import { phaseGates } from "../layers/products/phase-gates.ts";
import { hasPhases } from "../symmetry/phases.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";

/** Trainable parameters by dotted path; a plain flat object, so that optimizers and checkpoints need no tree walking. */
export type Params = { [path: string]: np.Array };

/** The weights of a batch of networks: tensor name -> [batch, ...shape], or [batch, ...shape, channels]. */
export type WeightBatch = { [tensor: string]: np.Array };

/** What functions of weights give: predictions, or arrays by tensor name. */
export type WeightArrays = np.Array | WeightBatch;

/**
 * How weights are brought to a common size before a model reads them: divided by one number a tensor and then compressed
 * (`asinh`), or only divided (`linear`), which scales and bases of the weights survive; `raw` leaves them as they are, for models
 * that run networks.
 */
export type InputKind = "asinh" | "linear" | "raw";

/** How a model is applied. */
export interface ApplyOptions {
  /** Random key for dropout; no dropout without it. */
  readonly key?: np.Array;
}

/** A model in pieces that are compiled one by one (layers/stage.ts): the same function as its `apply`. */
export interface StagedModel<Output extends WeightArrays = np.Array> {
  /** Weights -> inputs of the first stage. Pure. @consumes @throws {ShapeError} */
  readonly toFeatures: (weights: WeightBatch) => np.Array[];
  /** In order; every parameter lies in one stage's scope. */
  readonly stages: readonly Stage[];
  /** Outputs of the last stage -> what the model gives. Pure. @consumes */
  readonly fromFeatures: (outputs: np.Array[]) => Output;
}

/** What a stage that makes predictions leaves: one array [batch, outputs]. */
export const onlyOutput = ([output]: np.Array[]): np.Array => output;

/** A model that reads one vector without parameters off every network: training reads it once a network, not once a pass. */
export interface VectorModel {
  /** Weights -> [batch, width]. Pure. @consumes @throws {ShapeError} */
  readonly read: (weights: WeightBatch) => np.Array;
  /** Predictions [batch, outputs] from the vectors. Pure. @consumes */
  readonly predict: (params: Params, vectors: np.Array, options?: ApplyOptions) => np.Array;
}

/**
 * A function of weights with parameters; models and equivariant models differ in what it gives. Arguments are consumed, as
 * everywhere in jax-js: pass `.ref` to keep them.
 */
export interface WeightFunctional<Output extends WeightArrays> {
  readonly name: string;
  readonly spec: SymmetrySpec;
  readonly parameterCount: number;
  /** Fresh parameters, the same for the same seed. */
  init(seed: number): Params;
  /** What it gives for a batch of networks. Pure: runs under `jit` and `grad`. */
  apply(params: Params, weights: WeightBatch, options?: ApplyOptions): Output;
  /**
   * The same function in pieces, which training and prediction compile in place of `apply`, and which is faster. A model that
   * wraps another one's `apply` leaves it out. @default `apply`, compiled as a whole
   */
  readonly staged?: StagedModel<Output>;
}

/** A functional: weights -> predictions [batch, outputs]. */
export interface Model extends WeightFunctional<np.Array> {
  /** Number of output values per network. */
  readonly outputs: number;
  /** The same function in two steps, used by training in place of `apply`. @default only `apply` */
  readonly vector?: VectorModel;
}

/**
 * A map from weights to arrays of the same shapes that are transformed together with them: tensor name -> [batch, ...shape,
 * channels].
 */
export interface EquivariantModel extends WeightFunctional<WeightBatch> {
  /** Channels of the output. */
  readonly channels: number;
  readonly staged: StagedModel<WeightBatch>;
}

/**
 * A model that respects scales on a spec with phases: built for weights behind gates, which have signs in their place; as `build` makes
 * it where there are none.
 * @param channels - of the weights that are read; gates read plain numbers
 * @throws {OptionError} for several channels; {UnsupportedError} as `phaseGates`
 */
export function throughPhaseGates(
  spec: SymmetrySpec,
  name: string,
  channels: number,
  build: (spec: SymmetrySpec) => Model,
): Model {
  if (!hasPhases(spec)) return build(spec);
  if (channels !== 1)
    throw new OptionError(
      `${name}: networks with phases are read as they are, expected 1 input channel, got ${channels}`,
    );
  const gates = phaseGates(spec, name);
  const model = build(gates.spec);
  const { staged } = model;
  return {
    ...model,
    spec,
    apply: (params, weights, options) => model.apply(params, gates.apply(weights), options),
    ...(staged && {
      staged: { ...staged, toFeatures: (weights) => staged.toFeatures(gates.apply(weights)) },
    }),
  };
}
