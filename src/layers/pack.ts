// Between named arrays and atomic ones: reshapes, slices and transpositions along a spec's split trees, and back.

import { numpy as np } from "@jax-js/jax";
import type { LoweredSpec } from "../symmetry/lower.ts";
import type { SplitTree } from "../symmetry/parts.ts";
import type { MergedSpec } from "../plan/merge-tensors.ts";
import { checkBatch } from "./check-batch.ts";
import { concatenateAll } from "./pointwise/concatenate.ts";

/** Arrays by tensor name: [batch, ...shape] or [batch, ...shape, channels]. */
export type NamedArrays = { [tensor: string]: np.Array };

/** Order of all dimensions of an array with batch first and channels last, from an order of the middle ones. */
function middleOrder(order: readonly number[]): number[] {
  return [0, ...order.map((dim) => dim + 1), order.length + 1];
}

function isIdentity(order: readonly number[]): boolean {
  return order.every((dim, i) => dim === i);
}

/** Transposes the middle dimensions. @consumes */
export function reorderMiddle(x: np.Array, order: readonly number[]): np.Array {
  return isIdentity(order) ? x : np.transpose(x, middleOrder(order));
}

/** Slices along one dimension. @consumes */
export function sliceAlong(x: np.Array, dim: number, start: number, size: number): np.Array {
  if (start === 0 && x.shape[dim] === size) return x;
  const index = x.shape.map((_, i): [] | [number, number] =>
    i === dim ? [start, start + size] : [],
  );
  return x.slice(...index);
}

/**
 * Atomic arrays [batch, ...permuted dims, fixed * channels] of every tensor of the spec.
 * @consumes arguments @throws {ShapeError} naming a tensor that is missing, unknown or of another shape.
 */
export function unpack(lowered: LoweredSpec, arrays: NamedArrays, channels: number): np.Array[] {
  const atoms: np.Array[] = [];
  const open = (node: SplitTree, x: np.Array): void => {
    const [batch, c] = [x.shape[0], x.shape[x.shape.length - 1]];
    if (node.kind === "part") {
      const { order, dims, fixedSize } = lowered.tensors[node.index];
      const ordered = reorderMiddle(x, order); // [batch, ...permuted, ...fixed, channels]
      const kept = ordered.shape.slice(1, 1 + dims.length);
      atoms[node.index] = np.reshape(ordered, [batch, ...kept, fixedSize * c]);
    } else if (node.kind === "reshape") {
      open(node.child, np.reshape(x, [batch, ...node.to, c]));
    } else if (node.kind === "split") {
      let start = 0;
      for (const [i, child] of node.children.entries()) {
        open(child, sliceAlong(x.ref, node.dim + 1, start, node.sizes[i]));
        start += node.sizes[i];
      }
      x.dispose();
    } else {
      const rest = x.shape.toSpliced(node.dim + 1, 1);
      for (const [i, child] of node.children.entries()) {
        open(child, np.reshape(sliceAlong(x.ref, node.dim + 1, i, 1), rest));
      }
      x.dispose();
    }
  };
  checkBatch(lowered.spec, arrays, channels);
  for (const [name, { shape }] of Object.entries(lowered.spec.tensors)) {
    const x = arrays[name];
    open(lowered.trees[name], np.reshape(x, [x.shape[0], ...shape, channels]));
  }
  return atoms;
}

/** Arrays of merged tensors from those of their members. @consumes */
export function mergeAtoms({ members }: MergedSpec, atoms: readonly np.Array[]): np.Array[] {
  return members.map((list) =>
    concatenateAll(
      list.map(({ id }) => atoms[id]),
      atoms[list[0].id].ndim - 1,
    ),
  );
}

/** Arrays of the members from those of merged tensors. @consumes */
export function separateAtoms(
  { members }: MergedSpec,
  merged: readonly np.Array[],
  channels: number,
): np.Array[] {
  const atoms: np.Array[] = [];
  for (const [tensor, list] of members.entries()) {
    const x = merged[tensor];
    let start = 0;
    for (const { id, fixedSize } of list) {
      atoms[id] = sliceAlong(x.ref, x.ndim - 1, start, fixedSize * channels);
      start += fixedSize * channels;
    }
    x.dispose();
  }
  return atoms;
}

/** Named arrays [batch, ...shape, channels] from atomic ones. @consumes */
export function pack(
  lowered: LoweredSpec,
  atoms: readonly np.Array[],
  channels: number,
): NamedArrays {
  const close = (node: SplitTree): np.Array => {
    if (node.kind === "part") {
      const { order, dims, fixed } = lowered.tensors[node.index];
      const x = atoms[node.index];
      const kept = x.shape.slice(0, 1 + dims.length);
      const inverse = order.map((_, dim) => order.indexOf(dim));
      return reorderMiddle(
        np.reshape(x, [...kept, ...fixed.map(({ size }) => size), channels]),
        inverse,
      );
    }
    if (node.kind === "reshape") {
      const x = close(node.child);
      return np.reshape(x, [x.shape[0], ...node.from, channels]);
    }
    if (node.kind === "split") return np.concatenate(node.children.map(close), node.dim + 1);
    return np.stack(node.children.map(close), node.dim + 1);
  };
  return Object.fromEntries(
    Object.keys(lowered.spec.tensors).map((name) => [name, close(lowered.trees[name])]),
  );
}
