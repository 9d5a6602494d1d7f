// A change that is no symmetry: what the negative control of a proof does to a tensor.

import { randomStream } from "../core/random.ts";
import type { Tensor } from "../core/tensors.ts";

/** The tensor with all its entries in a random other order. */
export function shuffleTensor({ shape, data }: Tensor, seed: number): Tensor {
  const moved = data.slice();
  for (const [from, to] of randomStream(seed).permutation(data.length).entries())
    moved[to] = data[from];
  return { shape, data: moved };
}
