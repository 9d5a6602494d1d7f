// Universal neural functionals (Zhou, Finn and Harrison 2024): equivariant layers over any spec, then either invariant
// pooling and a dense head (a prediction per network) or the equivariant features themselves (a map between weights).

import type { numpy as np } from "@jax-js/jax";
import { OptionError } from "../core/errors.ts";
import { deriveSeed } from "../core/random.ts";
import {
  type ActivationName,
  activate,
  activationNames,
  checkActivation,
} from "../nn/activation.ts";
import { dense, denseStack } from "../nn/dense.ts";
import { checkChoice, checkRange, checkSizes } from "../nn/check-options.ts";
import { type BiasKind, equivariantLinear } from "../nn/equivariant-linear.ts";
import { invariantPool, type PoolKind } from "../nn/invariant-pool.ts";
import { type Layer, type LayerParams, prefixed, scoped } from "../nn/layer.ts";
import { positionEncoding } from "../nn/position-encoding.ts";
import type { Aggregation, ExecutablePlan } from "../ops/execute.ts";
import { putTogether, takeApart } from "../ops/take-apart.ts";
import { compilePlan } from "../plan/compile.ts";
import type { ScaleRule } from "../plan/patterns.ts";
import { schedulePlan } from "../plan/schedule.ts";
import type { ShareOptions } from "../plan/sharing.ts";
import { type FixedAxes, lowerSpec } from "../spec/lower.ts";
import type { SymmetrySpec } from "../spec/types.ts";
import type { EquivariantModel, Model } from "./model.ts";

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
}

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

interface EquivariantStack extends Layer<np.Array[]> {
  readonly executable: ExecutablePlan;
  readonly inputChannels: number;
  readonly outputChannels: number;
}

/** The plan of a spec under the given rules. */
export function planSpec(
  spec: SymmetrySpec,
  { fixedAxes = "fold", scales = "ignore" }: { fixedAxes?: FixedAxes; scales?: ScaleRule } = {},
): ExecutablePlan {
  const lowered = lowerSpec(spec, { fixedAxes });
  const plan = compilePlan(lowered, { scales });
  return { lowered, plan, schedule: schedulePlan(lowered, plan) };
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

function equivariantStack(
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
      ...(share && { share }),
    },
    channels,
  );
  if (channels.length < 2)
    throw new OptionError(
      `unf: channels needs an input and at least one layer, got ${channels.length} entries`,
    );
  const executable = planSpec(spec, { fixedAxes, scales });
  if (scales === "respect") checkActivation(activation, executable.lowered);
  const encoding =
    positions && fixedAxes === "permute"
      ? positionEncoding(executable.lowered, channels[1], { scales })
      : undefined;
  const layers = channels.slice(1).map((outputChannels, i): Layer<np.Array[]> => {
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
      ...(share && { share }),
    });
  });
  const last = layers.length - 1;
  return {
    executable,
    inputChannels: channels[0],
    outputChannels: channels[channels.length - 1],
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
        if (i === 0 && encoding) x = encoding.apply(scoped("positions", params), x);
        if (i < last || activateLast) x = x.map((array) => activate(activation, array));
      }
      return x;
    },
  };
}

/** One dense layer applied to every entry of every tensor (what UNF's learned optimizers call a Deep Set layer). */
function pointwiseLayer(
  { lowered }: ExecutablePlan,
  layer: ReturnType<typeof dense>,
): Layer<np.Array[]> {
  const { inputs, outputs } = layer;
  return {
    parameterCount: layer.parameterCount,
    init: layer.init,
    apply: (params: LayerParams, features) => {
      const mapped = features.map((x, tensor) => {
        const { fixedSize } = lowered.tensors[tensor];
        const y = layer.apply(
          refAll(params),
          x.reshape([...x.shape.slice(0, -1), fixedSize, inputs]),
        );
        return y.reshape([...x.shape.slice(0, -1), fixedSize * outputs]);
      });
      for (const param of Object.values(params)) param.dispose();
      return mapped;
    },
  };
}

const refAll = (params: LayerParams): LayerParams =>
  Object.fromEntries(Object.entries(params).map(([path, array]) => [path, array.ref]));

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
  const { name = "unf", pooling = "complete", head = [64, 1], dropout = 0 } = options;
  checkSizes("unf: head", head);
  checkChoice("unf: pooling", pooling, ["complete", "mean"]);
  if (head.length === 0)
    throw new OptionError(`unf: head needs at least the number of outputs, got an empty list`);
  const stack = equivariantStack(spec, options, true);
  const pool = invariantPool(stack.executable, pooling, options.aggregation);
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
      const atoms = takeApart(stack.executable.lowered, weights, stack.inputChannels);
      const features = stack.apply(scoped("body", params), atoms);
      return top.apply(scoped("head", params), pool.apply(features), key);
    },
  };
}

/** An equivariant map between weights: arrays [batch, ...shape, channels] in and out, moving together under the group. */
export function equivariantUNF(
  spec: SymmetrySpec,
  options: EquivariantOptions & { name?: string } = {},
): EquivariantModel {
  const stack = equivariantStack(spec, options, false);
  return {
    name: options.name ?? "equivariant-unf",
    spec,
    channels: stack.outputChannels,
    parameterCount: stack.parameterCount,
    init: (seed) => stack.init(seed),
    apply: (params, weights) => {
      const atoms = takeApart(stack.executable.lowered, weights, stack.inputChannels);
      return putTogether(
        stack.executable.lowered,
        stack.apply(params, atoms),
        stack.outputChannels,
      );
    },
  };
}
