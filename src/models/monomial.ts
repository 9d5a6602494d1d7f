// Monomial-NFN (Tran, Vo, Le-Huu and others, NeurIPS 2024): linear layers that commute with permutations and positive scales
// (ReLU) or signs (tanh, sine), then pooling of entries normalised over channels. Its layers are the planner's under
// `scales: "respect"`; counts are as published.

import { numpy as np } from "@jax-js/jax";
import { deriveSeed } from "../core/random.ts";
import type { KernelStack } from "../kernels/stack.ts";
import { activate, type ActivationName } from "../layers/pointwise/activation.ts";
import { activationOf } from "../layers/products/charged-activation.ts";
import { checkChannels } from "../layers/check-options.ts";
import { denseStack } from "../layers/pointwise/dense.ts";
import { equivariantLinear } from "../layers/equivariant-linear.ts";
import { type LayerParams, normalArray, prefixed, scoped } from "../layers/layer.ts";
import {
  functionLayer,
  layerStack,
  type StackEntry,
  type StagedLayer,
} from "../layers/layer-stack.ts";
import { divideByNorm } from "../layers/products/normalized-pool.ts";
import { bodyOnKernels, holdNumbers } from "../layers/kernel-stage.ts";
import { stage } from "../layers/stage.ts";
import { averageMiddle } from "../layers/products/derive.ts";
import { separateAtoms } from "../layers/pack.ts";
import { featureWays } from "../layers/weight-features.ts";
import { layerSequence } from "../plan/layer-sequence.ts";
import { type MergedSpec, mergeTensors } from "../plan/merge-tensors.ts";
import { type ExecutablePlan, planLowered } from "../plan/plan-spec.ts";
import { type LoweredSpec, lowerSpec } from "../symmetry/lower.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { activatedLayer } from "./kernel-layers.ts";
import { type Model, onlyOutput, throughPhaseGates } from "./model.ts";
import { checkValues, kernelHeadOptions } from "./options.ts";

/** The shape of a monomial functional. */
export interface MonomialOptions {
  /** Name shown in tables. @default "monomial" */
  readonly name?: string;
  /** Channels from the input to the last layer. @default [1, 16, 16, 5] */
  readonly channels?: readonly number[];
  /** Sizes of the dense head; the last is the number of outputs. @default [200, 200, 1] */
  readonly head?: readonly number[];
  /** Dropout rate in the head while training. @default 0 */
  readonly dropout?: number;
  /** What runs the layers; arguments that are being traced go to the engine. @default "kernels" */
  readonly backend?: "kernels" | "engine";
}

/** The activation of every tensor, none where none commutes with what acts on it. */
export const fittingKinds = (lowered: LoweredSpec): ActivationName[] =>
  lowered.tensors.map((tensor) => activationOf(lowered, tensor, "relu") ?? "identity");

/** The same as a layer. */
export function fittingActivations(lowered: LoweredSpec): StagedLayer {
  const kinds = fittingKinds(lowered);
  return functionLayer((inputs) => inputs.map((input, i) => activate(kinds[i], input)));
}

/**
 * Entries made invariant to scales one by one, then averaged over hidden axes: x -> gamma x / |x| + beta with the norm over
 * channels and kernel positions; absolute values where signs act. The last bias only gets gamma and beta.
 */
function monomialPool(lowered: LoweredSpec, base: MergedSpec, channels: number) {
  const { tensors, axes } = lowered;
  const widths = tensors.map(({ fixedSize }) => fixedSize * channels);
  /** Kernel positions count for gamma and beta, inputs and outputs do not. */
  const perEntry = tensors.map(({ fixed }) =>
    fixed.reduce((n, { axis, size }) => (axis === null ? n * size : n), channels),
  );
  return {
    width: widths.reduce((sum, width) => sum + width, 0),
    parameterCount: perEntry.reduce((sum, size) => sum + 2 * size, 0),
    init: (seed: number): LayerParams =>
      Object.fromEntries(
        perEntry.flatMap((size, i) => [
          [`gamma${i}`, normalArray(deriveSeed(seed, "gamma", i), [size], 1)],
          [`beta${i}`, normalArray(deriveSeed(seed, "beta", i), [size], 1)],
        ]),
      ),
    /** [batch, width]. @consumes */
    apply: (params: LayerParams, inputs: readonly np.Array[]): np.Array => {
      const pooled = separateAtoms(base, inputs, channels).map((x, i) => {
        const { dims, fixed, fixedSize } = tensors[i];
        const kernel = perEntry[i] / channels;
        const named = fixedSize / kernel;
        const hidden = x.shape.slice(0, -1);
        // Fixed entries are [named and kernel positions mixed, channels]; bring named ones to the front.
        const order = fixedOrder(fixed.map(({ axis }) => axis));
        const sizes = fixed.map(({ size }) => size);
        const open = np.transpose(np.reshape(x, [-1, ...sizes, channels]), [
          0,
          ...order.map((dim) => dim + 1),
          sizes.length + 1,
        ]);
        const grouped = np.reshape(open, [-1, named, perEntry[i]]);
        const charge = dims.map(({ axis }) => axes[axis].scale);
        const scaleFree = charge.includes("positive") ? divideByNorm(grouped) : grouped;
        const free = charge.includes("sign") ? np.abs(scaleFree) : scaleFree;
        const scaled = np.add(np.multiply(free, params[`gamma${i}`]), params[`beta${i}`]);
        return averageMiddle(np.reshape(scaled, [...hidden, widths[i]]));
      });
      return np.concatenate(pooled, 1);
    },
  };
}

/** Named axes first, kernel positions behind. */
function fixedOrder(axes: readonly (string | null)[]): number[] {
  const places = axes.map((_, i) => i);
  return [...places.filter((i) => axes[i] !== null), ...places.filter((i) => axes[i] === null)];
}

/**
 * An invariant Monomial-NFN on a network that is one layer after another.
 * @throws {OptionError} on other specs, naming the axis that stops it; for impossible options.
 */
export function monomial(spec: SymmetrySpec, options: MonomialOptions = {}): Model {
  const { name = "monomial", channels = [1] } = options;
  return throughPhaseGates(spec, name, channels[0], (gated) => monomialReader(gated, options));
}

/** The equivariant layers: the engine's, and as kernels read them. */
function monomialBody(base: MergedSpec, executable: ExecutablePlan, channels: readonly number[]) {
  const body = layerStack(
    channels.slice(1).flatMap((outputChannels, i): StackEntry[] => [
      {
        path: `layer${i}`,
        layer: equivariantLinear(executable, {
          inputChannels: channels[i],
          outputChannels,
          init: "fan-in",
        }),
      },
      { path: `activation${i}`, layer: fittingActivations(base) },
    ]),
  );
  const activations = fittingKinds(base);
  const kernels = (): KernelStack => ({
    layers: channels.slice(1).map((outputs, i) =>
      activatedLayer(executable, {
        name: `layer${i}`,
        channels: [channels[i], outputs],
        activations,
      }),
    ),
  });
  return { body, kernels };
}

function monomialReader(spec: SymmetrySpec, options: MonomialOptions): Model {
  const { name = "monomial", channels = [1, 16, 16, 5], head = [200, 200, 1] } = options;
  const { dropout = 0, backend = "kernels" } = options;
  checkValues(name, kernelHeadOptions, options);
  checkChannels(name, channels);
  const lowered = lowerSpec(spec);
  layerSequence(lowered, name);
  const base = mergeTensors(lowered);
  const executable = planLowered(base, "respect");
  const { body, kernels } = monomialBody(base, executable, channels);
  const below = backend === "engine" ? undefined : bodyOnKernels(kernels, "body");
  const pool = monomialPool(lowered, base, channels[channels.length - 1]);
  const top = denseStack([pool.width, ...head], { dropout });
  const { toFeatures } = featureWays(lowered, base, channels[0]);
  return {
    name,
    spec,
    outputs: head[head.length - 1],
    parameterCount: body.parameterCount + pool.parameterCount + top.parameterCount,
    init: (seed) => ({
      ...prefixed("body", body.init(deriveSeed(seed, "body"))),
      ...prefixed("pool", pool.init(deriveSeed(seed, "pool"))),
      ...prefixed("head", top.init(deriveSeed(seed, "head"))),
    }),
    apply: (params, weights, { key } = {}) => {
      const isTraced = !holdNumbers([...Object.values(params), ...Object.values(weights)]);
      const run = isTraced || below === undefined ? body : below;
      const features = run.apply(scoped("body", params), toFeatures(weights));
      return top.apply(scoped("head", params), pool.apply(scoped("pool", params), features), key);
    },
    staged: {
      toFeatures,
      stages: [
        ...(below === undefined ? body.stages("body") : [below.stage]),
        stage("pool", (params, inputs) => [pool.apply(params, inputs)]),
        stage("head", (params, [pooled], { key }) => [top.apply(params, pooled, key)]),
      ],
      fromFeatures: onlyOutput,
    },
  };
}
