// Changes that are no symmetries: shuffled entries for negative controls, and jitter that shows how rounding grows.

import { deriveSeed, randomStream } from "../../core/random.ts";
import { frozenRecord } from "../../core/records.ts";
import type { OnnxGraph } from "../../formats/onnx/onnx-types.ts";
import type { ModelArray } from "../../runtime/executor.ts";
import { isFloatType, type OnnxType } from "../../formats/onnx/onnx-element-types.ts";
import type { Tensor, Weights } from "../../core/tensors.ts";

/** The tensor with all its entries in a random other order. */
export function shuffleTensor({ shape, data }: Tensor, seed: number): Tensor {
  const moved = data.slice();
  for (const [from, to] of randomStream(seed).permutation(data.length).entries())
    moved[to] = data[from];
  return { shape, data: moved };
}

const lastBit: Partial<Record<OnnxType, number>> = { float16: 2 ** -11, bfloat16: 2 ** -8 };

/** Operations that round what they are given to whole steps. */
const quantises = /^(Dynamic)?QuantizeLinear$|^QLinear|^QGemm$|^DynamicQuantize/;

/**
 * By how many last bits everything is off, one try after another, until an error is explained. Where a graph rounds to whole
 * steps, a sum in another order seldom crosses the border of a step, and then it is off by the whole step: last bits alone
 * may miss that, more of them do not.
 */
export const jitterTries = ({ nodes }: Pick<OnnxGraph, "nodes">): readonly number[] =>
  nodes.some(({ op }) => quantises.test(op)) ? [1, 8, 64] : [1];

/**
 * Weights with every entry off by about so many last bits of its type (at most single precision); integers stay.
 * @param bits - how many. @default 1
 */
export function jitter(
  weights: Weights,
  seed: number,
  typeOf: (name: string) => OnnxType | undefined,
  bits = 1,
): Weights {
  return frozenRecord(
    Object.entries(weights).map(([name, { shape, data }]) => {
      const type = typeOf(name) ?? "float32";
      if (!isFloatType(type)) return [name, { shape, data }] as const;
      const random = randomStream(deriveSeed(seed, name));
      const bit = bits * (lastBit[type] ?? 2 ** -23);
      const moved = data.map((entry) => entry * (1 + (random.uniform() < 0.5 ? -bit : bit)));
      return [name, { shape, data: moved }] as const;
    }),
  );
}

/** Inputs with every real number off by so many last bits of its type (at most single precision); others stay. */
export const jitterInputs = (
  inputs: Readonly<Record<string, ModelArray>>,
  seed: number,
  bits: number,
): Readonly<Record<string, ModelArray>> =>
  frozenRecord(
    Object.entries(inputs).map(([name, array]) => {
      const { data, type } = array;
      if (!(data instanceof Float32Array || data instanceof Float64Array)) return [name, array];
      const random = randomStream(deriveSeed(seed, "input", name));
      const step = bits * (lastBit[type] ?? 2 ** -23);
      const moved = data.map((entry) => entry * (1 + (random.uniform() < 0.5 ? -step : step)));
      return [name, { ...array, data: moved }];
    }),
  );
