// Deep Sets (Zaheer et al. 2017) over weights: every tensor is a set of numbers. The invariant form pools; the form of
// UNF's learned-optimizer baseline is a dense layer per entry without any pooled term.

import { nn, numpy as np } from "@jax-js/jax";
import { concatenateAll } from "../layers/pointwise/concatenate.ts";
import { OptionError } from "../core/errors.ts";
import { deriveSeed } from "../core/random.ts";
import { dense, denseStack } from "../layers/pointwise/dense.ts";
import { type Layer, type LayerParams, prefixed, scoped } from "../layers/layer.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { flattenTensors } from "./flatten.ts";
import type { EquivariantModel, Model } from "./model.ts";
import { equivariantUNF } from "./unf.ts";
import { checkValues, layeredHeadOptions } from "./options.ts";

/** The shape of a Deep Sets functional. */
export interface DeepSetsOptions {
  readonly name?: string;
  /** @default [1, 16, 16] */
  readonly channels?: readonly number[];
  /** @default [64, 1] */
  readonly head?: readonly number[];
  /** @default 0 */
  readonly dropout?: number;
  /** Which numbers are one set: those of every tensor, or all of a network. @default "tensors" */
  readonly sets?: "tensors" | "one";
}

/** y = x A + mean(x) B + b on the entries of each tensor, A and B shared by all tensors. */
function setLayer(inputs: number, outputs: number): Layer<np.Array[]> {
  const each = dense(inputs, outputs);
  const pooled = dense(inputs, outputs, { bias: false });
  return {
    parameterCount: 2 * inputs * outputs + outputs,
    init: (seed) => {
      const { weight } = pooled.init(deriveSeed(seed, "pooled"));
      return { ...each.init(deriveSeed(seed, "each")), pooled: weight };
    },
    apply: (params: LayerParams, sets) => {
      const outputsOf = sets.map((x) => {
        const mean = np.matmul(np.mean(x.ref, 1), params["pooled"].ref); // [batch, outputs]
        const { weight, bias } = params;
        const y = each.apply({ weight: weight.ref, bias: bias.ref }, x); // [batch, entries, outputs]
        return np.add(y, np.reshape(mean, [mean.shape[0], 1, outputs]));
      });
      for (const param of Object.values(params)) param.dispose();
      return outputsOf;
    },
  };
}

/** The invariant form: set layers with ReLU, the mean of every set, a dense head. */
export function deepSets(spec: SymmetrySpec, options: DeepSetsOptions = {}): Model {
  const { name = "deep-sets", channels = [1, 16, 16], head = [64, 1], dropout = 0 } = options;
  const { sets: kind = "tensors", ...checked } = options;
  checkValues(name, layeredHeadOptions, checked);
  if (channels[0] !== 1)
    throw new OptionError(
      `deepSets: channels must start with 1 (the weight itself), got ${channels[0]}`,
    );
  const layers = channels.slice(1).map((outputs, i) => setLayer(channels[i], outputs));
  const setCount = kind === "one" ? 1 : Object.keys(spec.tensors).length;
  const top = denseStack([setCount * channels[channels.length - 1], ...head], { dropout });
  return {
    name,
    spec,
    outputs: head[head.length - 1],
    parameterCount: layers.reduce((sum, layer) => sum + layer.parameterCount, top.parameterCount),
    init: (seed) => ({
      ...Object.assign(
        {},
        ...layers.map((layer, i) => prefixed(`layer${i}`, layer.init(deriveSeed(seed, i)))),
      ),
      ...prefixed("head", top.init(deriveSeed(seed, "head"))),
    }),
    apply: (params, weights, { key } = {}) => {
      const flat = flattenTensors(spec, weights);
      let sets = (kind === "one" ? [concatenateAll(flat, 1)] : flat).map((x) =>
        np.reshape(x, [...x.shape, 1]),
      );
      for (const [i, layer] of layers.entries()) {
        sets = layer.apply(scoped(`layer${i}`, params), sets).map((x) => nn.relu(x));
      }
      const pooled = concatenateAll(
        sets.map((x) => np.mean(x, 1)),
        1,
      );
      return top.apply(scoped("head", params), pooled, key);
    },
  };
}

/** The learned-optimizer form: dense layers on every entry, no pooling. `channels` runs from inputs to outputs. */
export function pointwiseDeepSets(
  spec: SymmetrySpec,
  channels: readonly number[],
): EquivariantModel {
  return equivariantUNF(spec, {
    name: "deep-sets-pointwise",
    channels,
    pointwise: channels.length - 1,
  });
}
