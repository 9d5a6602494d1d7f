// Universal neural functionals (Zhou, Finn and Harrison 2024): equivariant layers over any spec, then either invariant
// pooling and a dense head (a prediction per network) or the equivariant features themselves (a map between weights).

import type { numpy as np } from "@jax-js/jax";
import { OptionError } from "../core/errors.ts";
import { deriveSeed } from "../core/random.ts";
import { denseStack } from "../layers/pointwise/dense.ts";
import { type InvariantPool, invariantPool, type PoolKind } from "../layers/invariant-pool.ts";
import type { Backend } from "../kernels/backend.ts";
import type { KernelStack } from "../kernels/stack.ts";
import { holdNumbers, kernelStage } from "../layers/kernel-stage.ts";
import { referenceStage } from "../layers/reference/reference-stage.ts";
import { type LayerParams, prefixed, scoped } from "../layers/layer.ts";
import { type CompiledStage, type Stage, stage } from "../layers/stage.ts";
import type { Aggregation } from "../layers/execute.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { type EquivariantModel, type Model, onlyOutput, throughPhaseGates } from "./model.ts";
import {
  type EquivariantOptions,
  type EquivariantStack,
  equivariantStack,
} from "./equivariant-stack.ts";

/** The shape of a UNF functional. */
export interface UNFOptions extends EquivariantOptions {
  /** Name shown in tables. @default "unf" */
  readonly name?: string;
  /** `complete` keeps diagonals, `mean` is the published pooling. @default "complete" */
  readonly pooling?: PoolKind;
  /** Sizes of the dense head; the last is the number of outputs. @default [64, 1] */
  readonly head?: readonly number[];
  /** Dropout rate in the head while training. @default 0 */
  readonly dropout?: number;
}

/**
 * An invariant functional: weights of a batch of networks -> predictions [batch, outputs], unchanged by any group
 * element of the spec. Layers `channels` with activations, pooling, dense head.
 *
 * ```ts
 * const model = unf(spec, { channels: [1, 16, 16], head: [64, 1] });
 * const params = model.init(0);
 * const prediction = model.apply(params, weights); // weights["fc1.weight"]: [batch, 32, 64]
 * ```
 * @throws {OptionError} for impossible options.
 */
export function unf(spec: SymmetrySpec, options: UNFOptions = {}): Model {
  const { name = "unf", channels = [1], scales } = options;
  if (scales !== "respect") return reader(spec, options);
  return throughPhaseGates(spec, name, channels[0], (gated) => reader(gated, options));
}

function reader(spec: SymmetrySpec, options: UNFOptions): Model {
  const {
    name = "unf",
    pooling = "complete",
    head = [64, 1],
    dropout = 0,
    backend = "kernels",
  } = options;
  const stack = equivariantStack(spec, options, true);
  const pool = invariantPool(stack.executable, pooling, options.aggregation);
  const body =
    backend === "engine" ? undefined : stackBody(stack, pool, backend, options.aggregation);
  const top = denseStack([pool.width * stack.outputChannels, ...head], { dropout });
  return {
    name,
    spec,
    outputs: head[head.length - 1],
    parameterCount: stack.parameterCount + top.parameterCount,
    init: (seed) => ({
      ...prefixed("body", stack.init(deriveSeed(seed, "body"))),
      ...prefixed("head", top.init(deriveSeed(seed, "head"))),
    }),
    apply: (params, weights, { key } = {}) => {
      const traced = !holdNumbers([...Object.values(params), ...Object.values(weights)]);
      const pooled =
        traced || body === undefined
          ? pool.apply(stack.apply(scoped("body", params), stack.toFeatures(weights)))
          : body.apply(scoped("body", params), stack.toFeatures(weights));
      return top.apply(scoped("head", params), pooled, key);
    },
    staged: {
      toFeatures: (weights) => stack.toFeatures(weights),
      stages: [
        ...(body === undefined
          ? [...stack.stages("body"), pool.stage(stack.outputChannels)]
          : [body.stage]),
        stage("head", (params, [pooled], { key }) => [top.apply(params, pooled, key)]),
      ],
      fromFeatures: onlyOutput,
    },
  };
}

/** A stack as one stage of a backend other than the engine. */
const stageOf = (backend: Exclude<Backend, "engine">, scope: string, stack: () => KernelStack) =>
  backend === "kernels" ? kernelStage(scope, stack) : referenceStage(scope, stack);

/** Layers and pooling without the engine: as a stage, and as a function of arrays that hold numbers. */
function stackBody(
  stack: EquivariantStack,
  pool: InvariantPool,
  backend: Exclude<Backend, "engine">,
  aggregation: Aggregation = "mean",
): { stage: Stage; apply: (params: LayerParams, features: np.Array[]) => np.Array } {
  const bodyStage = stageOf(backend, "body", () => ({
    layers: stack.kernelLayers(),
    pool: { executable: pool.executable, aggregation },
  }));
  let compiled: CompiledStage | undefined;
  return {
    stage: bodyStage,
    apply: (params, features) => {
      compiled ??= bodyStage.compile({ gradients: false });
      return compiled.forward(params, features)[0];
    },
  };
}

/**
 * {@link unf} behind layers that act on every weight by itself, one for all tensors: equivariant layers then pool functions of
 * the weights, not the weights themselves. Shapes as of {@link unf}; the form is that of UNF's learned optimizers (Zhou, Finn
 * and Harrison 2024).
 * @throws {OptionError} when no equivariant layer is left.
 */
export function hybridUNF(spec: SymmetrySpec, options: UNFOptions = {}): Model {
  const { name = "unf-hybrid", channels = [1, 16, 16], pointwise = 1 } = options;
  if (Array.isArray(channels) && pointwise > channels.length - 2) {
    throw new OptionError(
      `${name}: channels expected sizes after ${pointwise} pointwise layers, got ${JSON.stringify(channels)}`,
    );
  }
  return unf(spec, { ...options, name, channels, pointwise });
}

/**
 * The predictor of generalisation as the published code builds it (Zhou, Finn and Harrison 2024; the paper's text has a third
 * layer): channels 1-16-16 with ReLU, one bias per tensor and channel, means over removed axes, coefficients of variance
 * 2 / (terms of the output tensor * input channels), no positions, the mean of every tensor, a dense head 512-1. Fixed
 * axes are permuted like all others, as the publication knows no fixed axes. 741,729 parameters on its GRU.
 */
export function publishedUNF(spec: SymmetrySpec, { name = "unf-published" } = {}): Model {
  return unf(spec, {
    name,
    channels: [1, 16, 16],
    activation: "relu",
    bias: "tensor",
    aggregation: "mean",
    fixedAxes: "permute",
    positions: false,
    init: "fan-in",
    pooling: "mean",
    head: [512, 1],
  });
}

/** An equivariant map between weights: arrays [batch, ...shape, channels] in and out, moving together under the group. */
export function equivariantUNF(
  spec: SymmetrySpec,
  options: EquivariantOptions & { name?: string } = {},
): EquivariantModel {
  const { name = "equivariant-unf", backend = "kernels" } = options;
  const stack = equivariantStack(spec, options, false);
  const wholeStage =
    backend === "engine"
      ? undefined
      : stageOf(backend, "", () => ({ layers: stack.kernelLayers() }));
  let compiled: CompiledStage | undefined;
  return {
    name,
    spec,
    channels: stack.outputChannels,
    parameterCount: stack.parameterCount,
    init: (seed) => stack.init(seed),
    apply: (params, weights) => {
      const features = stack.toFeatures(weights);
      const traced = !holdNumbers([...Object.values(params), ...features]);
      if (traced || wholeStage === undefined)
        return stack.fromFeatures(stack.apply(params, features));
      compiled ??= wholeStage.compile({ gradients: false });
      return stack.fromFeatures(compiled.forward(params, features));
    },
    staged: {
      toFeatures: (weights) => stack.toFeatures(weights),
      stages: wholeStage === undefined ? stack.stages("") : [wholeStage],
      fromFeatures: (features) => stack.fromFeatures(features),
    },
  };
}
