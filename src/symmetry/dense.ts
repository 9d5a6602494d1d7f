// Parts of tensors as dense arrays: the form in which groups act and alignment reads and compares weights. A part is one
// strided view whose every dimension is a single axis (parts.ts); here it is copied out, row-major, and back.

import { sizeOf, stridesOf } from "../core/shapes.ts";
import type { Part, PartDim } from "./parts.ts";

export type FloatArray = Float32Array | Float64Array;

/** Row-major numbers of one part, [...sizes of its dims]. */
export interface Dense {
  readonly sizes: readonly number[];
  readonly data: FloatArray;
}

/** Zeros in an array of the same kind. */
export const zerosLike = (data: FloatArray, count: number = data.length): FloatArray =>
  data instanceof Float64Array ? new Float64Array(count) : new Float32Array(count);

type View = Pick<Part, "dims" | "offset">;

/** Whether a part is all of its tensor, in order. */
function isWhole({ dims, offset }: View, count: number): boolean {
  const sizes = dims.map(({ size }) => size);
  const strides = stridesOf(sizes);
  return offset === 0 && sizeOf(sizes) === count && dims.every((d, i) => d.stride === strides[i]);
}

/** Calls `run(from, stride, count)` for every run of a part's last dimension, in row-major order. */
function eachRun(
  { dims, offset }: View,
  run: (from: number, stride: number, count: number) => void,
): void {
  if (dims.length === 0) return run(offset, 1, 1);
  const visit = (dim: number, from: number): void => {
    const { size, stride } = dims[dim];
    if (dim === dims.length - 1) return run(from, stride, size);
    for (let i = 0; i < size; i++) visit(dim + 1, from + i * stride);
  };
  visit(0, offset);
}

/** Copies a part out of its tensor's flat data; the data itself when the part is all of it, in order. */
export function densePart(part: View, data: FloatArray): Dense {
  const sizes = part.dims.map(({ size }) => size);
  if (isWhole(part, data.length)) return { sizes, data };
  const target = zerosLike(data, sizeOf(sizes));
  let next = 0;
  eachRun(part, (from, stride, count) => {
    for (let i = 0; i < count; i++) target[next++] = data[from + i * stride];
  });
  return { sizes, data: target };
}

/** Writes a dense part where it lies in its tensor's flat data. */
export function writePart(part: View, { data }: Dense, target: FloatArray): void {
  if (isWhole(part, target.length)) return target.set(data);
  let next = 0;
  eachRun(part, (from, stride, count) => {
    for (let i = 0; i < count; i++) target[from + i * stride] = data[next++];
  });
}

/** Positions of the dimensions that enclose dimension `dim`, outermost first. */
export function parentsOf(dims: readonly PartDim[], dim: number): number[] {
  const { parent } = dims[dim];
  return parent === null ? [] : [...parentsOf(dims, parent), parent];
}

/** Dimensions with enclosed ones before those that enclose them. */
export function innermostFirst(dims: readonly PartDim[]): number[] {
  const depths = dims.map((_, dim) => parentsOf(dims, dim).length);
  return dims.map((_, dim) => dim).sort((a, b) => depths[b] - depths[a] || a - b);
}

/** How a dimension lies in a dense array, and which instance of its axis every (outer, inner) position belongs to. */
export interface Lanes {
  /** Positions before and behind the dimension. */
  readonly outer: number;
  readonly inner: number;
  /** Instance at (outer, inner): `outerInstance[outer] + innerInstance[inner]`; null when there is only one. */
  readonly outerInstance: Int32Array | null;
  readonly innerInstance: Int32Array | null;
}

/** The lanes of dimension `dim` in an array of the given sizes whose enclosing dimensions are at `parents`. */
export function lanesOf(sizes: readonly number[], dim: number, parents: readonly number[]): Lanes {
  const outer = sizeOf(sizes.slice(0, dim));
  const inner = sizeOf(sizes.slice(dim + 1));
  if (parents.length === 0) return { outer, inner, outerInstance: null, innerInstance: null };
  const strides = stridesOf(sizes);
  const weights = stridesOf(parents.map((at) => sizes[at]));
  const outerInstance = new Int32Array(outer);
  const innerInstance = new Int32Array(inner);
  for (const [g, at] of parents.entries()) {
    const ahead = at < dim;
    const target = ahead ? outerInstance : innerInstance;
    const stride = ahead ? strides[at] / (sizes[dim] * inner) : strides[at];
    for (let i = 0; i < target.length; i++)
      target[i] += weights[g] * (Math.floor(i / stride) % sizes[at]);
  }
  return { outer, inner, outerInstance, innerInstance };
}
