// The equivariant part of a functional: layers over a lowered spec, with activations between them.

import type { numpy as np } from "@jax-js/jax";
import { deriveSeed } from "../core/random.ts";
import { type ActivationName, activate, checkActivation } from "../layers/pointwise/activation.ts";
import { dense } from "../layers/pointwise/dense.ts";
import { checkChannels, checkRange } from "../layers/check-options.ts";
import { type BiasKind, equivariantLinear } from "../layers/equivariant-linear.ts";
import type { Layer, LayerParams } from "../layers/layer.ts";
import {
  layerStack,
  type StackEntry,
  type StagedLayer,
  stagedLayer,
} from "../layers/layer-stack.ts";
import { type InitKind } from "../layers/initial-coefficients.ts";
import { pointwiseLayer } from "../layers/pointwise/pointwise.ts";
import { positionEncoding } from "../layers/position-encoding.ts";
import type { Aggregation } from "../layers/execute.ts";
import { type ExecutablePlan, planLowered } from "../plan/plan-spec.ts";
import type { ScaleRule } from "../plan/patterns.ts";
import type { ShareOptions } from "../plan/sharing.ts";
import { type FixedAxes, lowerSpec } from "../symmetry/lower.ts";
import { mergeTensors } from "../plan/merge-tensors.ts";
import { featureWays } from "../layers/weight-features.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { KernelLayer } from "../kernels/stack.ts";
import { type Backend } from "../kernels/backend.ts";
import { kernelLayers, type KernelLayersOptions } from "./kernel-layers.ts";
import type { WeightBatch } from "./model.ts";
import { checkValues, unfOptions } from "./options.ts";

/** Options of the equivariant part. */
export interface EquivariantOptions {
  /** Channels from the input to the last equivariant layer; weights themselves are one channel. @default [1, 16, 16] */
  readonly channels?: readonly number[];
  /** How many of the first layers act on every entry alone, with shared weights (the hybrid learned optimizer). @default 0 */
  readonly pointwise?: number;
  /** @default "relu" */
  readonly activation?: ActivationName;
  /** @default "full" */
  readonly bias?: BiasKind;
  /** @default "mean" */
  readonly aggregation?: Aggregation;
  /** Permute fixed axes and tell their positions apart by encodings, or fold them into channels (many parameters). @default "permute" */
  readonly fixedAxes?: FixedAxes;
  /** Learned position tables after the first layer, along fixed axes that are permuted. @default true */
  readonly positions?: boolean;
  /** Commute with permutations only, or with scale parts and general-linear maps too. @default "ignore" */
  readonly scales?: ScaleRule;
  /** Share coefficients between structurally equal pairs of tensors. @default none */
  readonly share?: ShareOptions;
  /** How coefficients start: products with equal weight, or every feature as published. @default "balanced" */
  readonly init?: InitKind;
  /**
   * What runs the layers: kernels generated from the plan, the array engine, or the definition term by term. Arguments that are being traced (`jit`,
   * `grad`) go to the engine whatever is said here. @default "kernels"
   */
  readonly backend?: Backend;
}

/** Layers over merged tensors: those with the same axes side by side in one array. */
export interface EquivariantStack extends StagedLayer {
  readonly executable: ExecutablePlan;
  readonly outputChannels: number;
  /** The layers as kernels read them; parameters' paths are those of `init`. */
  kernelLayers(): KernelLayer[];
  /** Weights of a batch of networks -> the arrays `apply` reads. @consumes @throws {ShapeError} */
  toFeatures(weights: WeightBatch): np.Array[];
  /** What `apply` makes -> arrays by tensor name. @consumes */
  fromFeatures(features: readonly np.Array[]): WeightBatch;
}

/** @throws {OptionError} naming the first value that is out of its range; options may come from a file. */
export function equivariantStack(
  spec: SymmetrySpec,
  options: EquivariantOptions,
  activateLast: boolean,
): EquivariantStack {
  checkValues("unf", unfOptions, options);
  const {
    channels = [1, 16, 16],
    pointwise = 0,
    activation = "relu",
    bias = "full",
    aggregation = "mean",
    fixedAxes = "permute",
    positions = true,
    scales = "ignore",
    share,
    init = "balanced",
  } = options;
  checkChannels("unf", channels);
  checkRange("unf: pointwise", pointwise, 0, channels.length - 1);
  const shared = share && { share };
  const body = { pointwise, activation, bias, aggregation, fixedAxes, scales, init, ...shared };
  const lowered = lowerSpec(spec, { fixedAxes, dropFactors: scales === "ignore" });
  const merged = mergeTensors(lowered);
  const executable = planLowered(merged, scales);
  const { toFeatures, fromFeatures } = featureWays(lowered, merged, channels[0]);
  if (scales === "respect") checkActivation(activation, executable.lowered);
  const encoding =
    positions && fixedAxes === "permute"
      ? positionEncoding(executable.lowered, channels[1], { scales })
      : undefined;
  const settings = { ...body, channels, activateLast };
  const entries = stackEntries(executable, settings, encoding);
  return {
    ...layerStack(entries),
    executable,
    outputChannels: channels[channels.length - 1],
    kernelLayers: () =>
      kernelLayers(executable, { ...settings, positions: encoding !== undefined }),
    toFeatures,
    fromFeatures: (features) => fromFeatures(features, channels[channels.length - 1]),
  };
}

/** What decides the layers of a stack over a plan. */
interface StackSettings extends Omit<KernelLayersOptions, "positions"> {
  readonly init: InitKind;
}

/** The layers with their activations, in order, under the paths of their parameters. */
function stackEntries(
  executable: ExecutablePlan,
  settings: StackSettings,
  encoding: Layer<np.Array[]> | undefined,
): StackEntry[] {
  const { channels, pointwise, activation, activateLast, bias, aggregation, init, scales, share } =
    settings;
  const linear = { bias, aggregation, init, gain: gainOf(activation), ...(share && { share }) };
  const last = channels.length - 2;
  return channels.slice(1).flatMap((outputChannels, i): StackEntry[] => {
    const inputChannels = channels[i];
    const layer =
      i < pointwise
        ? pointwiseLayer(
            executable,
            dense(inputChannels, outputChannels, { bias: scales === "ignore" }),
          )
        : equivariantLinear(executable, { inputChannels, outputChannels, ...linear });
    const after = i < last || activateLast ? activation : "identity";
    return [
      { path: `layer${i}`, layer, seed: (seed) => deriveSeed(seed, "layer", i) },
      i === 0 && encoding
        ? { path: "positions", layer: finishing(after, encoding) }
        : { path: `activation${i}`, layer: finishing(after) },
    ];
  });
}

/** Variance gain of coefficients before an activation. */
export const gainOf = (activation: ActivationName): number =>
  activation === "relu" || activation === "leaky-relu" ? 2 : 1;

/** Encodings and activation, entry by entry, in one stage. */
function finishing(activation: ActivationName, encoding?: Layer<np.Array[]>): StagedLayer {
  const apply = (params: LayerParams, features: np.Array[]) =>
    (encoding?.apply(params, features) ?? features).map((array) => activate(activation, array));
  const layer = {
    parameterCount: encoding?.parameterCount ?? 0,
    init: (seed: number) => encoding?.init(seed) ?? {},
    apply,
  };
  return stagedLayer(layer, { hasParams: encoding !== undefined });
}
