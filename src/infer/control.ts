// A change that is no symmetry: what the negative control of a proof does to a tensor.

import { randomStream } from "../core/random.ts";
import { sizeOf } from "../core/shapes.ts";
import type { Tensor } from "../core/tensors.ts";

/** The tensor with the entries of one dimension in a random other order. */
export function shuffleTensor({ shape, data }: Tensor, dimension: number, seed: number): Tensor {
  const size = shape[dimension];
  const inner = sizeOf(shape.slice(dimension + 1));
  const order = randomStream(seed).permutation(size);
  const moved = data.slice();
  for (let from = 0; from < data.length; from += inner) {
    const index = Math.floor(from / inner) % size;
    moved.set(data.subarray(from, from + inner), from + (order[index] - index) * inner);
  }
  return { shape, data: moved };
}
