// How two tensors of one shape differ, in numbers.

import { stridesOf } from "../core/shapes.ts";
import type { Tensor } from "../core/tensors.ts";

/** How far two versions of a tensor are apart. */
export interface TensorDifference {
  readonly tensor: string;
  readonly shape: readonly number[];
  /** Share of entries that differ. */
  readonly changed: number;
  /** Largest absolute difference. */
  readonly largest: number;
  /** Norm of the difference over the norm of the first tensor; infinite when that is 0. */
  readonly relative: number;
  /** Cosine of the angle between both, NaN when one is 0. */
  readonly cosine: number;
  /** By dimension, how many indices have any difference. */
  readonly changedIndices: readonly number[];
  /** NaN or infinite entries in the first and the second tensor; the measures above leave them out. */
  readonly notFinite: readonly [number, number];
}

const same = (x: number, y: number) => x === y || (Number.isNaN(x) && Number.isNaN(y));

/** The difference; undefined when all entries are equal (NaN equals NaN, formats may differ). */
export function tensorDifference(
  tensor: string,
  { shape, data: a }: Tensor,
  { data: b }: Tensor,
): TensorDifference | undefined {
  let changed = 0;
  let largest = 0;
  const notFinite: [number, number] = [0, 0];
  let [difference, squareA, squareB, product] = [0, 0, 0, 0];
  const strides = stridesOf(shape);
  const marks = shape.map((size) => new Uint8Array(size));
  const rowLength = shape.at(-1) ?? 1;
  const inRow = marks.at(-1) ?? new Uint8Array(1);
  for (let start = 0; start < a.length; start += rowLength) {
    const before = changed;
    for (let column = 0, i = start; column < rowLength; column++, i++) {
      const x = a[i];
      const y = b[i];
      if (!same(x, y)) {
        changed++;
        inRow[column] = 1;
      }
      const [goodX, goodY] = [Number.isFinite(x), Number.isFinite(y)];
      if (!goodX) notFinite[0]++;
      if (!goodY) notFinite[1]++;
      if (!goodX || !goodY) continue;
      const off = x - y;
      largest = Math.max(largest, Math.abs(off));
      difference += off * off;
      squareA += x * x;
      squareB += y * y;
      product += x * y;
    }
    if (changed === before) continue;
    for (let dim = 0; dim < shape.length - 1; dim++)
      marks[dim][Math.floor(start / strides[dim]) % shape[dim]] = 1;
  }
  if (changed === 0) return undefined;
  return {
    tensor,
    shape,
    changed: changed / a.length,
    largest,
    relative: Math.sqrt(difference / squareA),
    cosine: product / Math.sqrt(squareA * squareB),
    changedIndices: marks.map((ofDim) => ofDim.reduce((sum, m) => sum + m, 0)),
    notFinite,
  };
}
