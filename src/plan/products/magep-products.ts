// The stable polynomial terms of MAGEP-NFN (Vo et al. 2025) as derived tensors, evaluated in a number of products linear in
// depth: W_s ... W_1, W_L ... W_t, biases carried forward, and the products of both in the shape of every weight.
// Restated from the published formulas; the matrices between factors (psi) are frozen in the equivariant layer.

import type { AtomicTensor, LoweredSpec } from "../../symmetry/lower.ts";
import { type DeriveOptions, pruneDerived, type TensorBuilder, tensorBuilder } from "./derived.ts";
import type { SequenceLayer } from "../layer-sequence.ts";

/** The shape of a MAGEP functional. */
export interface MagepOptions {
  /** Matrices between factors belong to the parameters, as in the published invariant layer. @default false */
  readonly trained?: boolean;
  /** Only what an invariant layer reads. @default false */
  readonly invariant?: boolean;
  /** Sums over hidden axes as published; otherwise divided by the root of their sizes, which keeps their standard deviation. @default false */
  readonly sums?: boolean;
}

interface Context {
  readonly lowered: LoweredSpec;
  readonly sums: boolean;
  readonly builder: TensorBuilder;
  readonly layers: readonly SequenceLayer[];
  readonly trained: boolean;
  readonly inputs: number;
  readonly outputs: number;
}

/** Place of the dimension that stands for the axis a layer leads to, or comes from. */
const placeOf = ({ dims }: AtomicTensor, inverse: boolean): number =>
  dims.findIndex((dim) => dim.inverse === inverse);

/** The product of two tensors over the axis that the first comes from and the second leads to. */
function multiply(
  { lowered, sums, builder }: Context,
  left: number,
  right: number,
  named: DeriveOptions,
): number {
  const [x, y] = [builder.tensors[left], builder.tensors[right]];
  const pair = [placeOf(x, true), placeOf(y, false)] as const;
  const factor = sums ? 1 : 1 / Math.sqrt(lowered.axes[x.dims[pair[0]].axis].size);
  return builder.contract(left, right, { summed: [pair], shared: [], factor }, named);
}

/** A tensor whose last fixed entries (`from` of them) a matrix maps to outputs, or to one number. */
function mapped(context: Context, x: number, from: number, to: number, name: string): number {
  const { builder, trained, inputs, outputs } = context;
  const { source, name: tensorName } = builder.tensors[x];
  const std = 1 / (from === inputs && to !== 1 ? inputs * outputs : outputs);
  return builder.map(
    x,
    { from, to, matrix: "channel", trained, std },
    { source, name: `${tensorName}~${name}` },
  );
}

/** [WW] and [bW] of one layer (0 first) and a suffix: the tensor mapped to outputs, times the suffix. */
function outerTerms(
  context: Context,
  layer: number,
  prefixes: readonly number[],
  suffix: number,
  label: string,
): void {
  const { builder, layers, inputs, outputs } = context;
  const { weight, bias } = layers[layer];
  const source = builder.tensors[weight].source;
  const terms = [
    ["ww", prefixes[layer], inputs],
    ["bw", bias, 1],
  ] as const;
  for (const [kind, left, from] of terms) {
    const psi = mapped(context, left, from, outputs, `${kind}.psi${label}`);
    const named = {
      source,
      name: `${builder.tensors[weight].name}~${kind}${label}`,
      feature: true,
    };
    builder.outer(psi, suffix, [], outputs, named);
  }
}

/** Numbers that no scale changes: traces of [WW] and [bW]. */
function traces(context: Context, product: number, suffixes: readonly number[]): void {
  const { builder, layers, inputs, outputs, trained } = context;
  for (let layer = 0; layer < layers.length - 1; layer++) {
    const { name, source } = builder.tensors[layers[layer].bias];
    const std = 1 / (inputs * outputs);
    builder.map(
      product,
      { from: inputs * outputs, to: 1, matrix: "channel", trained, std },
      { source, name: `${name}~ww.trace`, feature: true },
    );
    const { bias } = layers[layer];
    const carried = multiply(context, suffixes[layer + 1], bias, { source, name: `${name}~end` });
    builder.map(
      carried,
      { from: outputs, to: 1, matrix: "channel", trained, std: 1 / outputs },
      { source, name: `${name}~bw.trace`, feature: true },
    );
  }
}

/** The spec with MAGEP's terms behind its tensors, which must be a sequence of layers (`layerSequence`) of at least two. */
export function magepProducts(
  lowered: LoweredSpec,
  layers: readonly SequenceLayer[],
  { trained = false, invariant = false, sums = false }: MagepOptions = {},
): LoweredSpec {
  const builder = tensorBuilder(lowered);
  const last = layers.length - 1;
  const context: Context = {
    lowered,
    sums,
    builder,
    layers,
    trained,
    inputs: lowered.tensors[layers[0].weight].fixedSize,
    outputs: lowered.tensors[layers[last].weight].fixedSize,
  };
  const named = (layer: number, kind: string): DeriveOptions => {
    const { source, name } = builder.tensors[layers[layer].weight];
    return { source, name: `${name}~${kind}`, feature: !invariant || layer === last };
  };
  const prefixes = [layers[0].weight];
  const biases: number[] = [];
  for (let layer = 1; layer <= last; layer++) {
    const { weight } = layers[layer];
    prefixes.push(multiply(context, weight, prefixes[layer - 1], named(layer, "w")));
    const [before, { bias }] = [biases[layer - 1], layers[layer - 1]];
    const { source, name } = builder.tensors[bias];
    const start =
      before === undefined
        ? bias
        : builder.sum([before, bias], false, { source, name: `${name}~sum` });
    biases[layer] = multiply(context, weight, start, named(layer, "wb"));
  }
  // suffixes[i] = W_L ... W_i, layers counted from 0; the whole product is a prefix too.
  const suffixes: number[] = [];
  suffixes[0] = prefixes[last];
  suffixes[last] = layers[last].weight;
  for (let layer = last - 1; layer >= 1; layer--) {
    const suffixName = { ...named(layer, "suffix"), feature: false };
    suffixes[layer] = multiply(context, suffixes[layer + 1], layers[layer].weight, suffixName);
  }
  for (let layer = invariant ? last : 0; layer <= last; layer++) {
    if (!invariant) outerTerms(context, layer, prefixes, suffixes[layer], "");
    if (layer > 0) outerTerms(context, layer, prefixes, suffixes[0], "0");
  }
  traces(context, suffixes[0], suffixes);
  return Object.freeze({ ...lowered, tensors: pruneDerived(lowered, builder.tensors) });
}
