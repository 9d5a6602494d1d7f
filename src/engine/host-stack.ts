// Arrays [n, ...] that are filled on the host network by network, and their way to the engine: weights and batches of n networks.

import { numpy as np } from "@jax-js/jax";
import { sizeOf } from "../core/shapes.ts";
import type { ArrayRecord } from "./arrays.ts";

/** Arrays [n, ...shape] on the host, zeros at first. */
export interface HostStack {
  readonly arrays: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> }>
  >;
  /** Views of every network's part. */
  readonly parts: readonly Readonly<Record<string, Float32Array>>[];
}

/** Room for arrays of these shapes for each of `networks`. */
export function hostStack(
  shapes: Readonly<Record<string, readonly number[]>>,
  networks: number,
): HostStack {
  const sized = Object.entries(shapes).map(([name, shape]) => {
    const size = sizeOf(shape);
    return { name, shape: [networks, ...shape], size, data: new Float32Array(networks * size) };
  });
  return {
    arrays: Object.fromEntries(sized.map(({ name, shape, data }) => [name, { shape, data }])),
    parts: Array.from({ length: networks }, (_, i) =>
      Object.fromEntries(
        sized.map(({ name, size, data }) => [name, data.subarray(i * size, (i + 1) * size)]),
      ),
    ),
  };
}

/** The arrays of a stack on the engine. */
export const stackToArrays = ({ arrays }: HostStack): ArrayRecord =>
  Object.fromEntries(
    Object.entries(arrays).map(([name, { shape, data }]) => [
      name,
      np.array(data, { shape: [...shape] }),
    ]),
  );
