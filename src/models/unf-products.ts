// Universal neural functionals that see through scales: the linear maps of UNF (Zhou, Finn and Harrison 2024) that respect
// scale parts, signs and bases, over weights and products of weights (after MAGEP-NFN and Transformer-NFN, Tran et al.),
// on any spec. Predictions stay the same under the whole group, not under permutations alone.

import { numpy as np } from "@jax-js/jax";
import { OptionError } from "../core/errors.ts";
import { deriveSeed } from "../core/random.ts";
import { type ActivationName } from "../layers/pointwise/activation.ts";
import { chargedActivation, withGates } from "../layers/products/charged-activation.ts";
import { checkChannels } from "../layers/check-options.ts";
import { denseStack } from "../layers/pointwise/dense.ts";
import { type BiasKind, equivariantLinear } from "../layers/equivariant-linear.ts";
import { type InitKind } from "../layers/initial-coefficients.ts";
import { invariantPool } from "../layers/invariant-pool.ts";
import { prefixed, scoped } from "../layers/layer.ts";
import { layerStack, type StackEntry, type StagedLayer } from "../layers/layer-stack.ts";
import { normalizedPool } from "../layers/products/normalized-pool.ts";
import { productFeatures } from "../layers/products/product-features.ts";
import { stage } from "../layers/stage.ts";
import { signedLog } from "../layers/products/derive.ts";
import type { Aggregation } from "../layers/execute.ts";
import { featureWays } from "../layers/weight-features.ts";
import { deriveProducts, type DeriveProductsOptions } from "../plan/products/derive-products.ts";
import { type MergedSpec, mergeTensors } from "../plan/merge-tensors.ts";
import { onlyRead } from "../plan/products/only-read.ts";
import { planLowered } from "../plan/plan-spec.ts";
import { withNumber } from "../plan/roles.ts";
import { shareCoefficients, type ShareOptions } from "../plan/sharing.ts";
import type { KernelLayer, KernelPool, KernelStack } from "../kernels/stack.ts";
import { bodyOnKernels, holdNumbers } from "../layers/kernel-stage.ts";
import { kernelProducts } from "../layers/products/product-features.ts";
import { kernelActivations } from "../layers/products/charged-activation.ts";
import { type LoweredSpec, lowerSpec } from "../symmetry/lower.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { gainOf } from "./equivariant-stack.ts";
import { type EquivariantModel, type Model, onlyOutput, throughPhaseGates } from "./model.ts";
import { checkValues, productsOptions } from "./options.ts";

/** The layers of a functional on products of weights. */
export interface ProductsBodyOptions extends DeriveProductsOptions {
  /** Name shown in tables. @default "unf-products" */
  readonly name?: string;
  /** Channels from the input to the last layer. The first layer reads weights, the others products too. @default [1, 16, 16] */
  readonly channels?: readonly number[];
  /** Used where it commutes with what acts on a tensor; elsewhere `tanh`, `relu` or a gate. @default "relu" */
  readonly activation?: ActivationName;
  /** @default "full" */
  readonly bias?: BiasKind;
  /** @default "mean" */
  readonly aggregation?: Aggregation;
  /** Share coefficients between structurally equal pairs of tensors. @default none */
  readonly share?: ShareOptions;
  /** @default "balanced" */
  readonly init?: InitKind;
}

/** The shape of a UNF functional on products of weights. */
export interface UNFProductsOptions extends ProductsBodyOptions {
  /** Sizes of the dense head; the last is the number of outputs. @default [64, 1] */
  readonly head?: readonly number[];
  /** Dropout rate in the head while training. @default 0 */
  readonly dropout?: number;
  /** What runs the layers and products; arguments that are being traced go to the engine. @default "kernels" */
  readonly backend?: "kernels" | "engine";
}

interface Body {
  readonly layers: StagedLayer;
  /** The same as kernels read them. */
  readonly kernelLayers: () => KernelLayer[];
  /** The spec's tensors, merged: what layers read from each other. */
  readonly base: MergedSpec;
  readonly lowered: LoweredSpec;
  readonly derived: LoweredSpec;
  readonly channels: readonly number[];
}

/** Layers over weights, then over weights and products; activations after all but, if not wanted, the last. */
function productsBody(
  spec: SymmetrySpec,
  options: ProductsBodyOptions,
  activateLast: boolean,
): Body {
  const { name: model = "unf-products", channels = [1, 16, 16], activation = "relu" } = options;
  checkValues(model, productsOptions, options);
  checkChannels(model, channels);
  const { share, ...others } = options;
  const { bias = "full", aggregation = "mean", init = "balanced" } = others;
  const lowered = lowerSpec(spec);
  const derived = deriveProducts(lowered, others);
  const base = mergeTensors(lowered);
  const linear = { bias, aggregation, init, gain: gainOf(activation), ...(share && { share }) };
  const parts = channels.slice(1).map((outputChannels, i) => {
    const name = i < channels.length - 2 || activateLast ? activation : "identity";
    const tensors = withGates(i === 0 ? lowered : derived, name);
    const merged = mergeTensors(tensors);
    const executable = planLowered(merged, "respect");
    return { name, tensors, merged, executable, inputChannels: channels[i], outputChannels };
  });
  const productsOf = ({ tensors, merged, inputChannels }: (typeof parts)[number]) => ({
    base,
    derived: tensors,
    merged,
    channels: inputChannels,
  });
  const entries = parts.flatMap((part, i): StackEntry[] => {
    const { name, merged, executable, inputChannels, outputChannels } = part;
    const products = { path: `products${i}`, layer: productFeatures(productsOf(part)) };
    const mix = equivariantLinear(executable, { inputChannels, outputChannels, ...linear });
    const after = chargedActivation(merged, name, outputChannels);
    return [
      ...(i === 0 ? [] : [products]),
      { path: `layer${i}`, layer: mix },
      { path: `activation${i}`, layer: after },
    ];
  });
  const kernelLayers = () =>
    parts.map((part, i): KernelLayer => ({
      kind: "equivariant",
      name: `body.layer${i}`,
      executable: part.executable,
      inputChannels: part.inputChannels,
      outputChannels: part.outputChannels,
      aggregation,
      bias,
      ...(share && { shared: shareCoefficients(part.merged, part.executable.plan, share) }),
      positions: [],
      activation: "identity",
      activations: kernelActivations(part.merged, part.name),
      ...(i > 0 && { products: kernelProducts(`body.products${i}`, productsOf(part)) }),
    }));
  return { layers: layerStack(entries), kernelLayers, base, lowered, derived, channels };
}

/**
 * An invariant functional: weights of a batch of networks -> predictions [batch, outputs], unchanged by permutations, positive
 * scales, signs, phases and bases of the spec. The head reads invariant products (compressed by a signed logarithm) and, per tensor
 * with scales, entries normalised over channels.
 *
 * ```ts
 * const model = unfProducts(spec, { channels: [1, 16, 16], head: [64, 1] });
 * ```
 * @throws {OptionError} for impossible options; {UnsupportedError} for phases of units that have more than a bias of their own.
 */
export function unfProducts(spec: SymmetrySpec, options: UNFProductsOptions = {}): Model {
  const { name = "unf-products", channels = [1] } = options;
  return throughPhaseGates(spec, name, channels[0], (gated) => productsReader(gated, options));
}

/** Pooled values [batch, width] from what layers over products made: as stages of the engine, or as kernels. */
function productsPool(body: Body, name: string, aggregation: Aggregation) {
  const channels = body.channels[body.channels.length - 1];
  const all = mergeTensors(withNumber(body.derived));
  const { plan, ...rest } = planLowered(all, "respect");
  // Products that no invariant is read off need not be computed.
  const products = plan.products.filter(({ slots }) => slots.length === 0);
  const derived = withNumber(onlyRead(body.derived, { ...rest, plan: { products, terms: 0 } }));
  const merged = mergeTensors(derived);
  const executable = planLowered(merged, "respect");
  const options = { base: body.base, derived, merged, channels };
  const isEmpty = executable.plan.products.length === 0;
  const scalars = isEmpty ? null : invariantPool(executable, "complete", aggregation);
  const normalized = normalizedPool(merged);
  const width = ((scalars?.width ?? 0) + normalized.width) * channels;
  if (width === 0)
    throw new OptionError(`${name}: nothing in these weights is invariant to their scales`);
  return {
    width,
    products: productFeatures(options),
    apply: (inputs: np.Array[]): np.Array => {
      const invariant = scalars === null ? [] : [scalars.apply(inputs.map((x) => x.ref))];
      return joinPooled(invariant, normalized.apply(inputs));
    },
    /** What kernels pooled. */
    join: (rows: np.Array[]): np.Array =>
      scalars === null ? joinPooled([], rows) : joinPooled(rows.slice(0, 1), rows.slice(1)),
    kernels: (): KernelPool => ({
      executable: scalars?.executable ?? null,
      aggregation,
      products: kernelProducts("products", options),
      normalized: normalized.tensors,
    }),
  };
}

const joinPooled = (invariant: np.Array[], normalized: np.Array[]): np.Array =>
  np.concatenate([...invariant.map(signedLog), ...normalized], 1);

function productsReader(spec: SymmetrySpec, options: UNFProductsOptions): Model {
  const { name = "unf-products", head = [64, 1], dropout = 0, aggregation = "mean" } = options;
  const { backend = "kernels" } = options;
  const body = productsBody(spec, options, true);
  const pool = productsPool(body, name, aggregation);
  const top = denseStack([pool.width, ...head], { dropout });
  const { toFeatures } = featureWays(body.lowered, body.base, body.channels[0]);
  const stack = layerStack([
    { path: "body", layer: body.layers },
    { path: "products", layer: pool.products },
  ]);
  const kernels = (): KernelStack => ({ layers: body.kernelLayers(), pool: pool.kernels() });
  const below = backend === "engine" ? undefined : bodyOnKernels(kernels);
  const beforeHead =
    below === undefined
      ? [...stack.stages(""), stage(null, (_, inputs) => [pool.apply(inputs)])]
      : [below.stage, stage(null, (_, rows) => [pool.join(rows)])];
  return {
    name,
    spec,
    outputs: head[head.length - 1],
    parameterCount: stack.parameterCount + top.parameterCount,
    init: (seed) => ({
      ...stack.init(seed),
      ...prefixed("head", top.init(deriveSeed(seed, "head"))),
    }),
    apply: (params, weights, { key } = {}) => {
      const { head: ofHead, rest } = splitHead(params);
      const isTraced = !holdNumbers([...Object.values(params), ...Object.values(weights)]);
      const features = toFeatures(weights);
      const pooled =
        isTraced || below === undefined
          ? pool.apply(stack.apply(rest, features))
          : pool.join(below.apply(rest, features));
      return top.apply(ofHead, pooled, key);
    },
    staged: {
      toFeatures,
      stages: [
        ...beforeHead,
        stage("head", (params, [pooled], { key }) => [top.apply(params, pooled, key)]),
      ],
      fromFeatures: onlyOutput,
    },
  };
}

function splitHead(params: Parameters<Model["apply"]>[0]) {
  const rest = Object.entries(params).filter(([path]) => !path.startsWith("head."));
  return { head: scoped("head", params), rest: Object.fromEntries(rest) };
}

/** An equivariant map between weights that respects scales, over weights and products; shapes as of `equivariantUNF`. */
export function equivariantProducts(
  spec: SymmetrySpec,
  options: ProductsBodyOptions = {},
): EquivariantModel {
  const { layers, base, lowered, channels } = productsBody(spec, options, false);
  const outputs = channels[channels.length - 1];
  const { toFeatures, fromFeatures: toWeights } = featureWays(lowered, base, channels[0]);
  const fromFeatures = (features: readonly np.Array[]) => toWeights(features, outputs);
  return {
    name: options.name ?? "equivariant-products",
    spec,
    channels: outputs,
    parameterCount: layers.parameterCount,
    init: (seed) => layers.init(seed),
    apply: (params, weights) => fromFeatures(layers.apply(params, toFeatures(weights))),
    staged: { toFeatures, stages: layers.stages(""), fromFeatures },
  };
}
