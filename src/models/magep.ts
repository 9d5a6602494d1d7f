// MAGEP-NFN (Vo, Tran and others, ICML 2025): equivariant layers over weights and stable polynomial terms of them, as
// published: kernels collapsed by a Monomial layer, layers whose matrices between factors are frozen, an invariant layer whose
// matrices are trained, a dense head. Networks with sine or tanh are read by the layer for positive scales, as published.

import { UnsupportedError } from "../core/errors.ts";
import { deriveSeed } from "../core/random.ts";
import { activate, type ActivationName } from "../layers/pointwise/activation.ts";
import { activationOf } from "../layers/products/charged-activation.ts";
import { checkChannels } from "../layers/check-options.ts";
import { denseStack } from "../layers/pointwise/dense.ts";
import { equivariantLinear } from "../layers/equivariant-linear.ts";
import { prefixed, scoped } from "../layers/layer.ts";
import { functionLayer, layerStack, type StackEntry } from "../layers/layer-stack.ts";
import { bodyOnKernels, holdNumbers } from "../layers/kernel-stage.ts";
import type { KernelLayer, KernelStack } from "../kernels/stack.ts";
import { kernelProducts, productFeatures } from "../layers/products/product-features.ts";
import { stage } from "../layers/stage.ts";
import { featureWays } from "../layers/weight-features.ts";
import { layerSequence } from "../plan/layer-sequence.ts";
import { magepProducts } from "../plan/products/magep-products.ts";
import { type MergedSpec, mergeTensors } from "../plan/merge-tensors.ts";
import { planLowered } from "../plan/plan-spec.ts";
import { collapseBlocks, readAll } from "../plan/roles.ts";
import { type LoweredSpec, lowerSpec } from "../symmetry/lower.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { signsAsPositive } from "../symmetry/weaken.ts";
import { activatedLayer } from "./kernel-layers.ts";
import { type Model, onlyOutput, throughPhaseGates } from "./model.ts";
import { checkValues, kernelHeadOptions } from "./options.ts";

/** The shape of a MAGEP functional. */
export interface MagepOptions {
  /** Name shown in tables. @default "magep" */
  readonly name?: string;
  /**
   * Channels from the input; the first layer is linear and collapses kernels, the others read products. @default [1, 20, 20, 20]
   */
  readonly channels?: readonly number[];
  /** Sizes of the dense head; the last is the number of outputs. @default [500, 500, 1] */
  readonly head?: readonly number[];
  /** Dropout rate in the head while training. @default 0 */
  readonly dropout?: number;
  /** What runs the layers and products; arguments that are being traced go to the engine. @default "kernels" */
  readonly backend?: "kernels" | "engine";
}

/** Activations that commute with what acts on the tensors; planned axes may be weaker. */
const activationKinds = (actual: LoweredSpec, merged: MergedSpec): ActivationName[] =>
  merged.tensors.map((tensor) => {
    const dims = tensor.dims.map((dim) => ({
      ...dim,
      axis: actual.axes.findIndex(({ name }) => name === merged.axes[dim.axis].name),
    }));
    return activationOf(actual, { ...tensor, dims }, "relu") ?? "identity";
  });

/** A layer with what it reads: the engine's entries and the kernels' layer of it. */
interface BodyPart {
  readonly entries: readonly StackEntry[];
  readonly kernelLayer: () => KernelLayer;
}

/** One equivariant layer over products of weights, or over weights alone, with what follows it. */
function bodyPart(
  [number, name]: readonly [number: string, name: string],
  tensors: LoweredSpec,
  [inputChannels, outputChannels]: readonly [number, number],
  base: MergedSpec | null,
  kinds: readonly ActivationName[],
): BodyPart {
  const merged = mergeTensors(tensors);
  const executable = planLowered(merged, "respect");
  const layer = equivariantLinear(executable, { inputChannels, outputChannels, init: "fan-in" });
  const options = base && { base, derived: tensors, merged, channels: inputChannels };
  const path = `products${number}`;
  return {
    entries: [
      ...(options ? [{ path, layer: productFeatures(options) }] : []),
      { path: name, layer },
      ...(kinds.length === 0
        ? []
        : [
            {
              path: `activation${number}`,
              layer: functionLayer((inputs) => inputs.map((x, i) => activate(kinds[i], x))),
            },
          ]),
    ],
    kernelLayer: () =>
      activatedLayer(executable, {
        name,
        channels: [inputChannels, outputChannels],
        activations: kinds,
        ...(options && { products: kernelProducts(path, options) }),
      }),
  };
}

/** Layers from weights to as many numbers as there are channels at the end. */
function magepBody(spec: SymmetrySpec, name: string, channels: readonly number[]) {
  const actual = lowerSpec(spec);
  const layers = layerSequence(actual, name);
  const lowered = lowerSpec(signsAsPositive(spec));
  const { both, inner } = collapseBlocks(lowered);
  const base = mergeTensors(inner);
  const kinds = activationKinds(actual, base);
  const [first, second = first] = channels;
  const parts = [bodyPart(["0", "layer0"], both, [first, second], null, kinds)];
  const equivariant = magepProducts(inner, layers);
  for (const [i, outputs] of channels.slice(2).entries()) {
    const number = `${i + 1}`;
    const sizes = [channels[i + 1], outputs] as const;
    parts.push(bodyPart([number, `layer${number}`], equivariant, sizes, base, kinds));
  }
  const last = channels[channels.length - 1];
  const invariant = readAll(magepProducts(inner, layers, { invariant: true, trained: true }));
  parts.push(bodyPart(["", "invariant"], invariant, [last, last], base, []));
  const opening = mergeTensors(lowered);
  return {
    body: layerStack(parts.flatMap(({ entries }) => entries)),
    kernels: (): KernelStack => ({ layers: parts.map(({ kernelLayer }) => kernelLayer()) }),
    lowered,
    opening,
  };
}

/**
 * Compiled as one program, the engine (0.1.25) gets sums of these products wrong where it works on vectors; layer by
 * layer, as training and prediction do, it gets them right.
 */
function refuseTracing(name: string, channels: readonly number[]): never {
  throw new UnsupportedError(
    `${name}: a model with channels ${channels.join(", ")} cannot be one compiled program, because the array engine computes such programs wrongly; call it without jit, use fit or predict, which compile it in stages, or take channels that are no multiples of 4`,
  );
}

/**
 * An invariant MAGEP-NFN on a network that is one layer after another.
 * @throws {OptionError} on other specs, naming the axis that stops it; for impossible options. Its `apply` throws
 * {UnsupportedError} under `jit` where channels are multiples of 4.
 */
export function magep(spec: SymmetrySpec, options: MagepOptions = {}): Model {
  const { name = "magep", channels = [1] } = options;
  return throughPhaseGates(spec, name, channels[0], (gated) => magepReader(gated, options));
}

function magepReader(spec: SymmetrySpec, options: MagepOptions): Model {
  const { name = "magep", channels = [1, 20, 20, 20], head = [500, 500, 1] } = options;
  const { dropout = 0, backend = "kernels" } = options;
  checkValues(name, kernelHeadOptions, options);
  checkChannels(name, channels);
  const { body, kernels, lowered, opening } = magepBody(spec, name, channels);
  const below = backend === "engine" ? undefined : bodyOnKernels(kernels, "body");
  const top = denseStack([channels[channels.length - 1], ...head], { dropout });
  const { toFeatures } = featureWays(lowered, opening, channels[0]);
  return {
    name,
    spec,
    outputs: head[head.length - 1],
    parameterCount: body.parameterCount + top.parameterCount,
    init: (seed) => ({
      ...prefixed("body", body.init(deriveSeed(seed, "body"))),
      ...prefixed("head", top.init(deriveSeed(seed, "head"))),
    }),
    apply: (params, weights, { key } = {}) => {
      const isTraced = !holdNumbers([...Object.values(params), ...Object.values(weights)]);
      if (isTraced && channels.some((count) => count % 4 === 0)) refuseTracing(name, channels);
      const run = isTraced || below === undefined ? body : below;
      const [numbers] = run.apply(scoped("body", params), toFeatures(weights));
      return top.apply(scoped("head", params), numbers, key);
    },
    staged: {
      toFeatures,
      stages: [
        ...(below === undefined ? body.stages("body") : [below.stage]),
        stage("head", (params, [numbers], { key }) => [top.apply(params, numbers, key)]),
      ],
      fromFeatures: onlyOutput,
    },
  };
}
