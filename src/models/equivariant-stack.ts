// The equivariant part of a functional: layers over a lowered spec, with activations between them.

import type { numpy as np } from "@jax-js/jax";
import { OptionError } from "../core/errors.ts";
import { deriveSeed } from "../core/random.ts";
import {
  type ActivationName,
  activate,
  activationNames,
  checkActivation,
} from "../layers/activation.ts";
import { dense } from "../layers/dense.ts";
import { checkChoice, checkRange, checkSizes } from "../layers/check-options.ts";
import { type BiasKind, equivariantLinear } from "../layers/equivariant-linear.ts";
import { type Layer, type LayerParams, prefixed, scoped } from "../layers/layer.ts";
import { initKinds, type InitKind } from "../layers/initial-coefficients.ts";
import { pointwiseLayer } from "../layers/pointwise.ts";
import type { StagedWeightLayer } from "../layers/weight-layer.ts";
import { positionEncoding } from "../layers/position-encoding.ts";
import { type Stage, stage } from "../layers/stage.ts";
import type { Aggregation } from "../layers/execute.ts";
import { type ExecutablePlan, planLowered } from "../plan/plan-spec.ts";
import type { ScaleRule } from "../plan/patterns.ts";
import type { ShareOptions } from "../plan/sharing.ts";
import { type FixedAxes, lowerSpec } from "../symmetry/lower.ts";
import { mergeTensors } from "../plan/merge-tensors.ts";
import { mergeAtoms, putTogether, separateAtoms, takeApart } from "../layers/take-apart.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { WeightBatch } from "./model.ts";

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
}

/** Layers over merged tensors: those with the same axes side by side in one array. */
export interface EquivariantStack extends Layer<np.Array[]> {
  readonly executable: ExecutablePlan;
  readonly outputChannels: number;
  /** The same as `apply`, in pieces; their parameters begin with `prefix`. */
  stages(prefix: string): Stage[];
  /** Weights of a batch of networks -> the arrays `apply` reads; consumes. @throws {ShapeError} */
  open(weights: WeightBatch): np.Array[];
  /** What `apply` makes -> arrays by tensor name; consumes. */
  close(features: readonly np.Array[]): WeightBatch;
}

/** @throws {OptionError} naming the first value that is out of its range; options may come from a file. */
function checkEquivariantOptions(
  options: Omit<EquivariantOptions, "channels">,
  channels: readonly number[],
): void {
  checkSizes("unf: channels", channels);
  checkChoice("unf: activation", options.activation, activationNames);
  checkChoice("unf: bias", options.bias, ["full", "tensor", "none"]);
  checkChoice("unf: aggregation", options.aggregation, ["mean", "sum"]);
  checkChoice("unf: fixedAxes", options.fixedAxes, ["permute", "fold"]);
  checkChoice("unf: scales", options.scales, ["ignore", "respect"]);
  checkChoice("unf: init", options.init, initKinds);
  checkChoice("unf: positions", options.positions, [true, false]);
  checkRange("unf: pointwise", options.pointwise, 0, channels.length - 1);
  if (options.share !== undefined) {
    checkRange(
      "unf: share.maxDistance",
      options.share.maxDistance ?? 2,
      0,
      Number.POSITIVE_INFINITY,
    );
  }
}

export function equivariantStack(
  spec: SymmetrySpec,
  {
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
  }: EquivariantOptions,
  activateLast: boolean,
): EquivariantStack {
  checkEquivariantOptions(
    {
      pointwise,
      activation,
      bias,
      aggregation,
      fixedAxes,
      positions,
      scales,
      init,
      ...(share && { share }),
    },
    channels,
  );
  if (channels.length < 2)
    throw new OptionError(
      `unf: channels needs an input and at least one layer, got ${channels.length} entries`,
    );
  const lowered = lowerSpec(spec, { fixedAxes });
  const merged = mergeTensors(lowered);
  const executable = planLowered(merged, scales);
  if (scales === "respect") checkActivation(activation, executable.lowered);
  const encoding =
    positions && fixedAxes === "permute"
      ? positionEncoding(executable.lowered, channels[1], { scales })
      : undefined;
  const layers = channels.slice(1).map((outputChannels, i): StagedWeightLayer => {
    const inputChannels = channels[i];
    if (i < pointwise) {
      return pointwiseLayer(
        executable,
        dense(inputChannels, outputChannels, { bias: scales === "ignore" }),
      );
    }
    const gain = activation === "relu" || activation === "leaky-relu" ? 2 : 1;
    return equivariantLinear(executable, {
      inputChannels,
      outputChannels,
      bias,
      aggregation,
      gain,
      init,
      ...(share && { share }),
    });
  });
  const last = layers.length - 1;
  /** Encodings and activation, entry by entry. */
  const finish = (i: number, encodings: LayerParams, features: np.Array[]): np.Array[] => {
    const encoded = i === 0 && encoding ? encoding.apply(encodings, features) : features;
    return i < last || activateLast ? encoded.map((array) => activate(activation, array)) : encoded;
  };
  return {
    executable,
    stages: (prefix) =>
      layers.flatMap((layer, i) => [
        ...layer.stages(`${prefix}.layer${i}`),
        stage(i === 0 && encoding ? `${prefix}.positions` : null, (params, features) =>
          finish(i, params, features),
        ),
      ]),
    outputChannels: channels[last + 1],
    open: (weights) => mergeAtoms(merged, takeApart(lowered, weights, channels[0])),
    close: (features) => {
      const outputs = channels[last + 1];
      return putTogether(lowered, separateAtoms(merged, features, outputs), outputs);
    },
    parameterCount: layers.reduce(
      (sum, layer) => sum + layer.parameterCount,
      encoding?.parameterCount ?? 0,
    ),
    init: (seed) =>
      Object.assign(
        {},
        ...layers.map((layer, i) =>
          prefixed(`layer${i}`, layer.init(deriveSeed(seed, "layer", i))),
        ),
        encoding && prefixed("positions", encoding.init(deriveSeed(seed, "positions"))),
      ),
    apply: (params, features) => {
      let x = features;
      for (const [i, layer] of layers.entries()) {
        x = layer.apply(scoped(`layer${i}`, params), x);
        x = finish(i, i === 0 ? scoped("positions", params) : {}, x);
      }
      return x;
    },
  };
}
