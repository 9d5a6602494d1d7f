// One step of one network on kernels: parameters, gradients and state lie in one memory and stay there for many steps. What it computes is what
// the update program of the kind computes; last digits differ.

import type { TensorLayout } from "../tensor-layout.ts";
import { tileEntries } from "../../kernels/optimizers/entry-layers.ts";

/** Numbers of one network by name. */
export type NetworkNumbers = Readonly<Record<string, Float32Array>>;

/** A step of one network: its arrays in the memory, and what moves them. */
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

/** Entries that stand together in a padded vector, where they fill whole tiles: a tensor, or a part of one. */
export interface PaddedPart {
  /** Number of the tensor. */
  readonly tensor: number;
  /** Where it begins in the padded vector. */
  readonly at: number;
  readonly size: number;
  /** Its tiles in the padded vector, in bytes. */
  readonly from: number;
  readonly to: number;
}

export interface PaddedLayout {
  readonly parts: readonly PaddedPart[];
  /** Numbers of a padded vector. */
  readonly entries: number;
  /** By place in the padded vector: the entry in a vector without gaps, or -1. */
  readonly entryAt: Int32Array;
}

/** Where the entries of all tensors stand in padded vectors. `partsOf` splits a tensor: lists of its entries. @default one part */
export function paddedLayout(
  { tensors }: TensorLayout,
  partsOf?: (tensor: number) => readonly (readonly number[])[],
): PaddedLayout {
  const parts: PaddedPart[] = [];
  const entryAt: number[] = [];
  for (const [tensor, { start, size }] of tensors.entries()) {
    const lists = partsOf?.(tensor) ?? [Array.from({ length: size }, (_, i) => i)];
    for (const list of lists) {
      const at = entryAt.length;
      for (const i of list) entryAt.push(start + i);
      while (entryAt.length % tileEntries !== 0) entryAt.push(-1);
      const [from, to] = [4 * at, 4 * entryAt.length];
      parts.push({ tensor, at, size: list.length, from, to });
    }
  }
  return { parts, entries: entryAt.length, entryAt: Int32Array.from(entryAt) };
}

/** Vectors [count, total] into padded ones; what fills tiles up is left alone. */
export function pad(
  { entries, entryAt }: PaddedLayout,
  from: Float32Array,
  to: Float32Array,
): void {
  const count = to.length / entries;
  const total = from.length / count;
  for (let row = 0; row < count; row++)
    for (let i = 0; i < entries; i++)
      if (entryAt[i] >= 0) to[row * entries + i] = from[row * total + entryAt[i]];
}

/** The way back. */
export function unpad(
  { entries, entryAt }: PaddedLayout,
  from: Float32Array,
  to: Float32Array,
): void {
  const count = from.length / entries;
  const total = to.length / count;
  for (let row = 0; row < count; row++)
    for (let i = 0; i < entries; i++)
      if (entryAt[i] >= 0) to[row * total + entryAt[i]] = from[row * entries + i];
}
