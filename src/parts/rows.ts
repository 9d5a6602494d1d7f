// Rows of one axis in a dense part: what matching compares between two networks.

import { type Dense, parentsOf, lanesOf, type FloatArray } from "../symmetry/dense.ts";
import type { PartDim } from "../symmetry/parts.ts";

/** Rows of one instance of a dimension: entry i of the axis beside everything else, [size, rest]. */
export function rowsOf(
  dims: readonly PartDim[],
  { sizes, data }: Dense,
  dim: number,
  instance: number,
): { readonly rows: Float32Array<ArrayBuffer>; readonly rest: number } {
  const size = sizes[dim];
  const { outer, inner, outerInstance, innerInstance } = lanesOf(sizes, dim, parentsOf(dims, dim));
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
  data: FloatArray,
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
