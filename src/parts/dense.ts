// Parts of tensors as dense arrays: the form in which alignment reads, moves and compares weights. A part is one strided
// view whose every dimension is a single axis (spec/parts.ts); here it is copied out, row-major.

import { sizeOf, stridesOf } from "../core/shapes.ts";
import type { Part, PartDim } from "../symmetry/parts.ts";

export type Numbers = Float32Array | Float64Array;

/** Row-major numbers of one part, [...sizes of its dims]. */
export interface Dense {
  readonly sizes: readonly number[];
  readonly data: Numbers;
}

/** Copies a part out of its tensor's flat data; the data itself when the part is all of it, in order. */
export function densePart({ dims, offset }: Pick<Part, "dims" | "offset">, data: Numbers): Dense {
  const sizes = dims.map(({ size }) => size);
  const count = sizeOf(sizes);
  const strides = stridesOf(sizes);
  if (offset === 0 && count === data.length && dims.every((d, i) => d.stride === strides[i])) {
    return { sizes, data };
  }
  const target = data instanceof Float64Array ? new Float64Array(count) : new Float32Array(count);
  let next = 0;
  const visit = (dim: number, from: number): void => {
    if (dim === dims.length) {
      target[next++] = data[from];
      return;
    }
    const { size, stride } = dims[dim];
    if (dim === dims.length - 1) {
      for (let i = 0; i < size; i++) target[next++] = data[from + i * stride];
      return;
    }
    for (let i = 0; i < size; i++) visit(dim + 1, from + i * stride);
  };
  visit(0, offset);
  return { sizes, data: target };
}

/** Positions of the dimensions that enclose dimension `dim`, outermost first. */
export function governorsOf(dims: readonly PartDim[], dim: number): number[] {
  const { governor } = dims[dim];
  return governor === null ? [] : [...governorsOf(dims, governor), governor];
}

/** Dimensions with enclosed ones before those that enclose them. */
export function innermostFirst(dims: readonly PartDim[]): number[] {
  const depths = dims.map((_, dim) => governorsOf(dims, dim).length);
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

/** The lanes of dimension `dim` in an array of the given sizes whose enclosing dimensions are at `governors`. */
export function lanesOf(
  sizes: readonly number[],
  dim: number,
  governors: readonly number[],
): Lanes {
  const outer = sizeOf(sizes.slice(0, dim));
  const inner = sizeOf(sizes.slice(dim + 1));
  if (governors.length === 0) return { outer, inner, outerInstance: null, innerInstance: null };
  const strides = stridesOf(sizes);
  const weights = stridesOf(governors.map((at) => sizes[at]));
  const outerInstance = new Int32Array(outer);
  const innerInstance = new Int32Array(inner);
  for (const [g, at] of governors.entries()) {
    const ahead = at < dim;
    const target = ahead ? outerInstance : innerInstance;
    const stride = ahead ? strides[at] / (sizes[dim] * inner) : strides[at];
    for (let i = 0; i < target.length; i++)
      target[i] += weights[g] * (Math.floor(i / stride) % sizes[at]);
  }
  return { outer, inner, outerInstance, innerInstance };
}

/** Rows of one instance of a dimension: entry i of the axis beside everything else, [size, rest]. */
export function rowsOf(
  dims: readonly PartDim[],
  { sizes, data }: Dense,
  dim: number,
  instance: number,
): { readonly rows: Float32Array<ArrayBuffer>; readonly rest: number } {
  const size = sizes[dim];
  const { outer, inner, outerInstance, innerInstance } = lanesOf(
    sizes,
    dim,
    governorsOf(dims, dim),
  );
  const single = outerInstance === null || innerInstance === null;
  const wanted = (o: number, n: number) =>
    single || outerInstance[o] + innerInstance[n] === instance;
  let rest = 0;
  if (single) rest = outer * inner;
  else for (let o = 0; o < outer; o++) for (let n = 0; n < inner; n++) if (wanted(o, n)) rest++;
  const rows = new Float32Array(size * rest);
  if (single) {
    copyRows(rows, data, size, outer, inner);
    return { rows, rest };
  }
  let column = 0;
  for (let o = 0; o < outer; o++) {
    for (let n = 0; n < inner; n++) {
      if (!wanted(o, n)) continue;
      for (let i = 0; i < size; i++) rows[i * rest + column] = data[(o * size + i) * inner + n];
      column++;
    }
  }
  return { rows, rest };
}

/** Rows copied in blocks, so that neither side is read or written far apart: [outer, size, inner] to [size, outer, inner]. */
function copyRows(
  rows: Float32Array,
  data: Numbers,
  size: number,
  outer: number,
  inner: number,
): void {
  const block = 32;
  if (inner >= block) {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < size; i++) {
        const from = (o * size + i) * inner;
        rows.set(data.subarray(from, from + inner), (i * outer + o) * inner);
      }
    }
    return;
  }
  for (let i0 = 0; i0 < size; i0 += block) {
    const end = Math.min(size, i0 + block);
    for (let o = 0; o < outer; o++) {
      for (let i = i0; i < end; i++) {
        const from = (o * size + i) * inner;
        const to = (i * outer + o) * inner;
        for (let n = 0; n < inner; n++) rows[to + n] = data[from + n];
      }
    }
  }
}
