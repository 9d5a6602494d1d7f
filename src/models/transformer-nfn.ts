// Transformer-NFN (Tran, Vo, Nguyen and others, ICLR 2025): block by block, linear layers over the weights of attention and of
// the dense layers, and over the products of queries with keys and of values with outputs, which no basis of their spaces
// changes. As published it takes rows of the stream for fixed and does not see scales of the hidden axis; biases of
// attention, which the published one does not read, count as one more row. Tensors outside blocks are read by one layer of
// ours that respects the whole group; the published system flattens them.

import { numpy as np } from "@jax-js/jax";
import { deriveSeed } from "../core/random.ts";
import { checkChannels } from "../layers/check-options.ts";
import { denseStack } from "../layers/pointwise/dense.ts";
import { equivariantLinear } from "../layers/equivariant-linear.ts";
import { invariantPool } from "../layers/invariant-pool.ts";
import { type LayerParams, prefixed, scoped } from "../layers/layer.ts";
import { layerNorm } from "../layers/pointwise/layer-norm.ts";
import { layerStack, type StackEntry } from "../layers/layer-stack.ts";
import { normalizedPool } from "../layers/products/normalized-pool.ts";
import { productFeatures } from "../layers/products/product-features.ts";
import { checkBatch } from "../layers/check-batch.ts";
import { featureWays } from "../layers/weight-features.ts";
import { deriveProducts } from "../plan/products/derive-products.ts";
import { mergeTensors } from "../plan/merge-tensors.ts";
import { planLowered } from "../plan/plan-spec.ts";
import { readAll, withNumber } from "../plan/roles.ts";
import { transformerBlocks } from "../plan/products/transformer-blocks.ts";
import { type LoweredSpec, lowerSpec } from "../symmetry/lower.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { Model, WeightBatch } from "./model.ts";
import { fittingActivations } from "./monomial.ts";
import { checkValues, layeredHeadOptions } from "./options.ts";

/** The shape of a Transformer-NFN functional. */
export interface TransformerNFNOptions {
  /** Name shown in tables. @default "transformer-nfn" */
  readonly name?: string;
  /** Channels from the input to the last layer. @default [1, 10] */
  readonly channels?: readonly number[];
  /** Sizes of the dense head; the last is the number of outputs. @default [1] */
  readonly head?: readonly number[];
  /** Dropout rate in the head while training. @default 0 */
  readonly dropout?: number;
}

/** Reads some tensors of a spec: weights -> [batch, width]. */
interface Reader {
  readonly width: number;
  readonly parameterCount: number;
  init(seed: number): LayerParams;
  apply(params: LayerParams, weights: WeightBatch): np.Array;
}

const pick = ({ tensors }: SymmetrySpec, weights: WeightBatch): WeightBatch =>
  Object.fromEntries(Object.keys(tensors).map((name) => [name, weights[name]]));

/** One block as published: linear layers with ReLU on the dense part, then as many invariants as there are channels. */
function blockReader(spec: SymmetrySpec, channels: readonly number[]): Reader {
  const lowered = lowerSpec(spec);
  const derived = deriveProducts(lowered);
  const base = mergeTensors(lowered);
  const pair = (tensors: LoweredSpec, inputChannels: number, outputChannels: number, i: string) => {
    const merged = mergeTensors(tensors);
    const mix = equivariantLinear(planLowered(merged, "respect"), {
      inputChannels,
      outputChannels,
      init: "fan-in",
    });
    const products = productFeatures({ base, derived: tensors, merged, channels: inputChannels });
    return [
      { path: `products${i}`, layer: products },
      { path: `layer${i}`, layer: mix },
    ];
  };
  const last = channels[channels.length - 1];
  const stack = layerStack([
    ...channels
      .slice(1)
      .flatMap((outputs, i): StackEntry[] => [
        ...pair(derived, channels[i], outputs, String(i)),
        { path: `activation${i}`, layer: fittingActivations(base) },
      ]),
    ...pair(readAll(derived), last, last, "-invariant"),
  ]);
  const norm = layerNorm(last);
  const ways = featureWays(lowered, base, channels[0]);
  return {
    width: last,
    parameterCount: stack.parameterCount + norm.parameterCount,
    init: (seed) => ({ ...stack.init(seed), ...prefixed("norm", norm.init(seed)) }),
    apply: (params, weights) => {
      const inputs = ways.toFeatures(pick(spec, weights));
      const body = Object.entries(params).filter(([path]) => !path.startsWith("norm."));
      const [numbers] = stack.apply(Object.fromEntries(body), inputs);
      return norm.apply(scoped("norm", params), numbers);
    },
  };
}

/** Everything outside blocks, under the whole group of the spec. */
function restReader(spec: SymmetrySpec, inputs: number, outputs: number): Reader {
  const lowered = lowerSpec(spec);
  const base = mergeTensors(lowered);
  const stack = layerStack([
    {
      path: "layer",
      layer: equivariantLinear(planLowered(base, "respect"), {
        inputChannels: inputs,
        outputChannels: outputs,
      }),
    },
    { path: "activation", layer: fittingActivations(base) },
  ]);
  const merged = mergeTensors(withNumber(lowered));
  const executable = planLowered(merged, "respect");
  const scalars =
    executable.plan.products.length === 0 ? null : invariantPool(executable, "complete");
  const normalized = normalizedPool(merged);
  const ways = featureWays(lowered, base, inputs);
  return {
    width: ((scalars?.width ?? 0) + normalized.width) * outputs,
    parameterCount: stack.parameterCount,
    init: (seed) => stack.init(seed),
    apply: (params, weights) => {
      const features = stack.apply(params, ways.toFeatures(pick(spec, weights)));
      const invariant = scalars === null ? [] : [scalars.apply(features.map((x) => x.ref))];
      return np.concatenate([...invariant, ...normalized.apply(features)], 1);
    },
  };
}

/**
 * An invariant of the group published for Transformer-NFN, of every block, and a dense head.
 * @throws {OptionError} on specs without such blocks, naming the axis that stops it; for impossible options.
 */
export function transformerNFN(spec: SymmetrySpec, options: TransformerNFNOptions = {}): Model {
  const { name = "transformer-nfn", channels = [1, 10], head = [1], dropout = 0 } = options;
  checkValues(name, layeredHeadOptions, options);
  checkChannels(name, channels);
  const { blocks, rest } = transformerBlocks(spec, name);
  const last = channels[channels.length - 1];
  const readers = [
    ...blocks.map((block, i): [string, Reader] => [`block${i}`, blockReader(block, channels)]),
    ...(Object.keys(rest.tensors).length === 0
      ? []
      : [["rest", restReader(rest, channels[0], last)] as [string, Reader]]),
  ];
  const width = readers.reduce((sum, [, reader]) => sum + reader.width, 0);
  const top = denseStack([width, last, last, ...head], { dropout });
  return {
    name,
    spec,
    outputs: head[head.length - 1],
    parameterCount: readers.reduce((sum, [, r]) => sum + r.parameterCount, top.parameterCount),
    init: (seed) => ({
      ...Object.assign(
        {},
        ...readers.map(([path, reader]) => prefixed(path, reader.init(deriveSeed(seed, path)))),
      ),
      ...prefixed("head", top.init(deriveSeed(seed, "head"))),
    }),
    apply: (params, weights, { key } = {}) => {
      checkBatch(spec, weights, channels[0]);
      const read = readers.map(([path, reader]) => reader.apply(scoped(path, params), weights));
      return top.apply(scoped("head", params), np.concatenate(read, 1), key);
    },
  };
}
