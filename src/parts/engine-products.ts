// Inner products of all rows of two networks in the array engine; loaded only where a product is large.

import { numpy as np } from "@jax-js/jax";
import { startEngine } from "../engine/start.ts";
import { columnsOf, type RowPair } from "./row-pair.ts";

/** Sizes that are no multiple of this leave the engine's fast path by a factor of ten. */
const lane = 16;
const padded = (size: number) => Math.ceil(size / lane) * lane;

/**
 * Rows of one call. The engine's kernels run in slow code until they were called a few times, and a call that is under way
 * is not sped up: one call for 4,096 rows takes 17 s, 32 calls of 128 rows 3 s.
 */
const rowsAtOnce = 128;

/** All pairs side by side, block by block of the first network's rows; padded with zeros. */
export async function addByEngine(
  gains: Float64Array,
  pairs: readonly RowPair[],
  size: number,
  rest: number,
): Promise<void> {
  await startEngine();
  const width = padded(rest);
  const all = { from: 0, rows: padded(size), width };
  const right = np.array(sideBySide(pairs, "b", size, all), { shape: [all.rows, width] });
  const rows = Math.min(rowsAtOnce, all.rows);
  for (let from = 0; from < size; from += rows) {
    const block = sideBySide(pairs, "a", size, { from, rows, width });
    const left = np.array(block, { shape: [rows, width] });
    const product = await np.matmul(left, np.swapaxes(right.ref, 0, 1)).data();
    const count = Math.min(rows, size - from);
    for (let i = 0; i < count; i++)
      for (let j = 0; j < size; j++) gains[(from + i) * size + j] += product[i * all.rows + j];
  }
  right.dispose();
}

/** Some rows of all pairs one behind the other, [rows, width]; those of the first network times their factor. */
function sideBySide(
  pairs: readonly RowPair[],
  side: "a" | "b",
  size: number,
  { from, rows, width }: { readonly from: number; readonly rows: number; readonly width: number },
): Float32Array<ArrayBuffer> {
  const all = new Float32Array(rows * width);
  const count = Math.min(rows, size - from);
  let column = 0;
  for (const pair of pairs) {
    const source = pair[side];
    const factor = side === "a" ? pair.factor : 1;
    const [begin, end] = columnsOf(pair);
    for (let i = 0; i < count; i++) {
      const to = i * width + column;
      const start = (from + i) * pair.rest + begin;
      for (let k = 0; k < end - begin; k++) all[to + k] = factor * source[start + k];
    }
    column += end - begin;
  }
  return all;
}
