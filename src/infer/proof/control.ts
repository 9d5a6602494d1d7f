// Changes that are no symmetries: shuffled entries for negative controls, and jitter that shows how rounding grows.

import { deriveSeed, randomStream } from "../../core/random.ts";
import { frozenRecord } from "../../core/records.ts";
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

/** Weights with every entry off by about the last bit of its type (at most single precision); integers stay. */
export function jitter(
  weights: Weights,
  seed: number,
  typeOf: (name: string) => OnnxType | undefined,
): Weights {
  return frozenRecord(
    Object.entries(weights).map(([name, { shape, data }]) => {
      const type = typeOf(name) ?? "float32";
      if (!isFloatType(type)) return [name, { shape, data }] as const;
      const random = randomStream(deriveSeed(seed, name));
      const bit = lastBit[type] ?? 2 ** -23;
      const moved = data.map((entry) => entry * (1 + (random.uniform() < 0.5 ? -bit : bit)));
      return [name, { shape, data: moved }] as const;
    }),
  );
}
