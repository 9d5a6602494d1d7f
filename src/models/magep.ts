// MAGEP-NFN (Vo, Tran and others, ICML 2025): equivariant layers over weights and stable polynomial terms of them, as
// published: kernels collapsed by a Monomial layer, layers whose matrices between factors are frozen, an invariant layer whose
// matrices are trained, a dense head. Networks with sine or tanh are read by the layer for positive scales, as published.

import { UnsupportedError } from "../core/errors.ts";
import { deriveSeed } from "../core/random.ts";
import { activate } from "../layers/pointwise/activation.ts";
import { activationOf } from "../layers/products/charged-activation.ts";
import { checkChannels } from "../layers/check-options.ts";
import { denseStack } from "../layers/pointwise/dense.ts";
import { equivariantLinear } from "../layers/equivariant-linear.ts";
import { prefixed, scoped } from "../layers/layer.ts";
import {
  functionLayer,
  layerStack,
  type StackEntry,
  type StagedLayer,
} from "../layers/layer-stack.ts";
import { holdNumbers } from "../layers/kernel-stage.ts";
import { productFeatures } from "../layers/products/product-features.ts";
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
import { type Model, onlyOutput, throughPhaseGates } from "./model.ts";
import { checkValues, layeredHeadOptions } from "./options.ts";

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
}

/** Activations that commute with what acts on the tensors; planned axes may be weaker. */
function activations(actual: LoweredSpec, merged: MergedSpec): StagedLayer {
  const kinds = merged.tensors.map((tensor) => {
    const dims = tensor.dims.map((dim) => ({
      ...dim,
      axis: actual.axes.findIndex(({ name }) => name === merged.axes[dim.axis].name),
    }));
    return activationOf(actual, { ...tensor, dims }, "relu") ?? "identity";
  });
  return functionLayer((inputs) => inputs.map((x, i) => activate(kinds[i], x)));
}

/** Layers from weights to as many numbers as there are channels at the end. */
function magepBody(spec: SymmetrySpec, name: string, channels: readonly number[]) {
  const actual = lowerSpec(spec);
  const layers = layerSequence(actual, name);
  const lowered = lowerSpec(signsAsPositive(spec));
  const { both, inner } = collapseBlocks(lowered);
  const init = "fan-in" as const;
  const collapse = mergeTensors(both);
  const base = mergeTensors(inner);
  const activation = activations(actual, base);
  const entries: StackEntry[] = [
    {
      path: "layer0",
      layer: equivariantLinear(planLowered(collapse, "respect"), {
        inputChannels: channels[0],
        outputChannels: channels[1],
        init,
      }),
    },
    { path: "activation0", layer: activation },
  ];
  const withProducts = (
    derived: LoweredSpec,
    inputChannels: number,
    outputChannels: number,
  ): [StagedLayer, StagedLayer] => {
    const merged = mergeTensors(derived);
    return [
      productFeatures({ base, derived, merged, channels: inputChannels }),
      equivariantLinear(planLowered(merged, "respect"), { inputChannels, outputChannels, init }),
    ];
  };
  const equivariant = magepProducts(inner, layers);
  for (const [i, outputs] of channels.slice(2).entries()) {
    const [products, mix] = withProducts(equivariant, channels[i + 1], outputs);
    entries.push(
      { path: `products${i + 1}`, layer: products },
      { path: `layer${i + 1}`, layer: mix },
      { path: `activation${i + 1}`, layer: activation },
    );
  }
  const last = channels[channels.length - 1];
  const invariant = readAll(magepProducts(inner, layers, { invariant: true, trained: true }));
  const [products, mix] = withProducts(invariant, last, last);
  entries.push({ path: "products", layer: products }, { path: "invariant", layer: mix });
  const opening = mergeTensors(lowered);
  return { body: layerStack(entries), lowered, opening };
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
  const { dropout = 0 } = options;
  checkValues(name, layeredHeadOptions, options);
  checkChannels(name, channels);
  const { body, lowered, opening } = magepBody(spec, name, channels);
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
      const [numbers] = body.apply(scoped("body", params), toFeatures(weights));
      return top.apply(scoped("head", params), numbers, key);
    },
    staged: {
      toFeatures,
      stages: [
        ...body.stages("body"),
        stage("head", (params, [numbers], { key }) => [top.apply(params, numbers, key)]),
      ],
      fromFeatures: onlyOutput,
    },
  };
}
