// One step of one network on kernels: parameters, gradients and state lie in one memory and stay there for many steps. What it computes is what
// the update program of the kind computes; last digits differ.

import type { TensorLayout } from "../tensor-layout.ts";
import { tileEntries } from "../../kernels/optimizers/entry-layers.ts";

/** Numbers of one network by name. */
export type NetworkNumbers = Readonly<Record<string, Float32Array>>;

export interface StepKernel {
  /** Views by tensor, in the order of the spec; whoever runs steps writes them. */
  readonly params: readonly Float32Array[];
  readonly gradients: readonly Float32Array[];
  /** The network's part of what the program's `prepare` makes of theta. */
  readonly setTheta: (prepared: NetworkNumbers) => void;
  /** The network's part of the program's state: in, and out into arrays of the same sizes. */
  readonly load: (state: NetworkNumbers) => void;
  readonly save: (state: NetworkNumbers) => void;
  /** Moves parameters and state by the gradients. */
  readonly step: () => void;
}

/** One tensor in a vector in which every tensor fills whole tiles. */
export interface PaddedTensor {
  /** Where it begins in a vector without gaps, and in the padded one. */
  readonly start: number;
  readonly at: number;
  readonly size: number;
  /** Its tiles in the padded vector, in bytes. */
  readonly from: number;
  readonly to: number;
}

export interface PaddedLayout {
  readonly tensors: readonly PaddedTensor[];
  /** Numbers of a padded vector. */
  readonly entries: number;
}

/** Where the tensors of a layout stand in padded vectors. */
export function paddedLayout({ tensors }: TensorLayout): PaddedLayout {
  let entries = 0;
  const padded = tensors.map(({ start, size }): PaddedTensor => {
    const at = entries;
    entries += tileEntries * Math.ceil(size / tileEntries);
    return { start, at, size, from: 4 * at, to: 4 * entries };
  });
  return { tensors: padded, entries };
}

/** Views of a padded vector, one a tensor. */
export const tensorViews = ({ tensors }: PaddedLayout, vector: Float32Array): Float32Array[] =>
  tensors.map(({ at, size }) => vector.subarray(at, at + size));

/** Vectors [count, total] into padded ones. */
export function pad(
  { tensors, entries }: PaddedLayout,
  from: Float32Array,
  to: Float32Array,
): void {
  const count = to.length / entries;
  const total = from.length / count;
  for (let row = 0; row < count; row++)
    for (const { start, at, size } of tensors)
      to.set(from.subarray(row * total + start, row * total + start + size), row * entries + at);
}

/** The way back. */
export function unpad(
  { tensors, entries }: PaddedLayout,
  from: Float32Array,
  to: Float32Array,
): void {
  const count = from.length / entries;
  const total = to.length / count;
  for (let row = 0; row < count; row++)
    for (const { start, at, size } of tensors)
      to.set(from.subarray(row * entries + at, row * entries + at + size), row * total + start);
}
