// Layers of adapters with their product split anew: into the factors of its singular value decomposition, at numerical rank and
// with scale 1. What is written of canonical forms and of merged adapters.

import { OptionError, UnsupportedError } from "../core/errors.ts";
import type { Tensor } from "../core/tensors.ts";
import type { PlannedTensor, WritableTensor } from "../formats/safetensors/safetensors-write.ts";
import type { SafeDtype } from "../formats/safetensors/safetensors-dtypes.ts";
import type { Adapter, AdapterLayer } from "./adapter.ts";
import { readFactors } from "./factors.ts";
import { type ThinSVD, thinSVD, type WeightedFactors } from "./product.ts";
import type { Columns } from "./thin-qr.ts";

/** One adapter's share in a layer. */
export interface LayerShare {
  readonly adapter: Adapter;
  readonly layer: AdapterLayer;
  readonly weight: number;
}

/** A layer to be written: named as in `like`, the weighted sum of the products of its shares. */
export interface LayerPlan {
  readonly like: AdapterLayer;
  /** The adapter that has it. */
  readonly home: Adapter;
  readonly shares: readonly LayerShare[];
  /** Rank of the new factors, from 1. */
  readonly rank: number;
  /** Rank of the sum, 0 where nothing is added. */
  readonly fullRank: number;
  /** Frobenius norm of the sum, and of what a smaller rank leaves out. */
  readonly norm: number;
  readonly lost: number;
  /** Whether two singular values lie so near that the factors are not unique. */
  readonly isTied: boolean;
}

/** Singular values below this share of the terms of the sum are what float32 leaves of 0. */
const cutoffShare = 2 ** -19;
/** Singular values that are nearer have no factors of their own. */
const tieGap = 1e-4;

/** The weighted sum of products of a layer, split anew. @throws as `readFactors` */
async function splitSum(shares: readonly LayerShare[]): Promise<ThinSVD> {
  const all: WeightedFactors[] = [];
  let terms = 0;
  for (const { adapter, layer, weight } of shares) {
    const factors = await readFactors(adapter.source, layer);
    terms += Math.abs(weight) * factors.terms;
    if (weight !== 0) all.push({ factors, weight });
  }
  if (!Number.isFinite(terms))
    throw new OptionError(
      `splitSum: the numbers of layer ${JSON.stringify(shares[0].layer.layer)} are too large to be multiplied; find out where it was made`,
    );
  if (all.length === 0 || terms === 0) {
    const [, ...rest] = shares[0].layer.shape;
    const none = (rows: number): Columns => ({ rows, columns: 0, data: new Float64Array(0) });
    const width = rest.reduce((product, size) => product * size, 1);
    return {
      values: new Float64Array(0),
      left: none(shares[0].layer.shape[0]),
      right: none(width),
    };
  }
  return thinSVD(all, cutoffShare * terms);
}

/**
 * What a layer becomes. @param maxRank - larger ranks are cut, the smallest singular values first
 * @throws {UnsupportedError} for layers whose scale is not known; as `readFactors`
 */
export async function planLayer(
  { layer: like, adapter: home }: Pick<LayerShare, "layer" | "adapter">,
  shares: readonly LayerShare[],
  maxRank = Infinity,
): Promise<LayerPlan> {
  for (const { adapter, layer } of shares)
    if (layer.scale === null)
      throw new UnsupportedError(
        `planLayer: ${adapter.location}: alpha of layer ${JSON.stringify(layer.layer)} is not known; put the adapter_config.json that was saved with it into its folder`,
      );
  const { values } = await splitSum(shares);
  const rank = Math.max(1, Math.min(values.length, maxRank));
  const isTied = values.some(
    (value, i) => i > 0 && i <= rank && values[i - 1] - value < tieGap * value,
  );
  return {
    like,
    home,
    shares,
    rank,
    fullRank: values.length,
    norm: Math.hypot(...values),
    lost: Math.hypot(...values.subarray(rank)),
    isTied,
  };
}

/** Both factors of a plan, B and A with the roots of the singular values in each. @throws as `readFactors` */
export async function newFactors({ shares, rank, like }: LayerPlan) {
  const { values, left, right } = await splitSum(shares);
  const [out, ...rest] = like.shape;
  const width = rest.reduce((product, size) => product * size, 1);
  const up = new Float64Array(out * rank);
  const down = new Float64Array(rank * width);
  for (let k = 0; k < Math.min(rank, values.length); k++) {
    const root = Math.sqrt(values[k]);
    for (let i = 0; i < out; i++) up[i * rank + k] = root * left.data[k * out + i];
    for (let j = 0; j < width; j++) down[k * width + j] = root * right.data[k * width + j];
  }
  return { up, down };
}

/** Formats of at most 16 bits would round the new factors, and with them the product. */
const wideEnough = (dtype: SafeDtype): SafeDtype => (dtype === "F64" ? "F64" : "F32");

/** A tensor to be written, its numbers on request. */
export interface NewTensor {
  readonly name: string;
  readonly entry: PlannedTensor;
  readonly read: () => Promise<WritableTensor>;
}

/** The tensors of a layer to be written; one layer at a time is split. */
export function tensorsOf(plan: LayerPlan): readonly NewTensor[] {
  const { like, home, rank, shares } = plan;
  const { names, shape } = like;
  const [out, input, ...kernel] = shape;
  const given = (name: string) => home.source.entries.get(name)!;
  const storedShape = (name: string) => given(name).shape;
  const dtype = wideEnough(given(names.up).dtype);
  // A kernel of one entry keeps the dimensions that the file gave it.
  const ones = (name: string) =>
    storedShape(name)
      .slice(2)
      .map(() => 1);
  const downKernel = kernel.length > 0 ? kernel : ones(names.down);
  const downShape = [rank, input, ...downKernel];
  const upShape = [out, rank, ...ones(names.up)];
  let split: ReturnType<typeof newFactors> | undefined;
  const factor = (of: "up" | "down") => async (): Promise<Tensor> => {
    split ??= newFactors(plan);
    const { [of]: data } = await split;
    // A is asked for first; with B the layer is done.
    if (of === "up") split = undefined;
    return { shape: of === "up" ? upShape : downShape, data };
  };
  const bias = names.bias;
  return [
    { name: names.down, entry: { dtype, shape: downShape }, read: factor("down") },
    { name: names.up, entry: { dtype, shape: upShape }, read: factor("up") },
    ...(names.alpha === undefined
      ? []
      : [
          {
            name: names.alpha,
            entry: { dtype: "F32" as const, shape: storedShape(names.alpha) },
            read: async () => ({ shape: storedShape(names.alpha!), data: Float64Array.of(rank) }),
          },
        ]),
    ...(bias === undefined
      ? []
      : [
          {
            name: bias,
            entry: { dtype, shape: storedShape(bias) },
            read: () => biasOf(shares, storedShape(bias)),
          },
        ]),
  ];
}

/** The weighted sum of what layers add to their outputs. */
async function biasOf(shares: readonly LayerShare[], shape: readonly number[]): Promise<Tensor> {
  const data = new Float64Array(shape.reduce((product, size) => product * size, 1));
  for (const { adapter, layer, weight } of shares) {
    if (layer.names.bias === undefined) continue;
    const { data: found } = await adapter.source.read(layer.names.bias);
    for (let i = 0; i < data.length; i++) data[i] += weight * (layer.scale ?? 1) * found[i];
  }
  return { shape, data };
}
