// Adds every entry of a part, mixed with the colours of its indices, to those colours: one entry after another, or rows of
// four at a time where they are long. Both give the same numbers.

import type { FloatArray } from "../../symmetry/dense.ts";
import { rowKernel, type RowKernel } from "./colour-kernel.ts";
import { type Lanes64, mixInto } from "./mix.ts";

/** One dimension of a part seen by its entries. */
export interface ColouredDim {
  readonly size: number;
  /** What each colour adds to the context of an entry, [colours]. */
  readonly lo: Int32Array;
  readonly hi: Int32Array;
  /** How far the colour index moves with every dimension of the part. */
  readonly steps: readonly number[];
  readonly signed: boolean;
  /** Where entries are added, for dimensions that move. */
  readonly target: { readonly lo: Int32Array; readonly hi: Int32Array } | null;
}

/** Lengths of rows that are mixed four entries at a time: shorter ones are not worth a call, longer ones the memory. */
const vectorRows = { min: 16, max: 2 ** 22 };

/** All entries under one choice of orientations, added to the dimensions' targets and to `total`. */
export function colourEntries(
  dims: readonly ColouredDim[],
  data: FloatArray,
  salt: Lanes64,
  orientation: readonly number[],
  negative: boolean,
  total: Lanes64,
): void {
  const length = rowLength(dims);
  const byRows = length >= vectorRows.min && length <= vectorRows.max;
  const colour = byRows ? colourRows : colourOneByOne;
  colour(dims, data, salt, orientation, negative, total);
}

/** The dimension along which rows run: the last one with more than one index, so that rows are long where they can be. */
function rowDim(dims: readonly ColouredDim[]): number {
  const long = dims.findLastIndex(({ size }) => size > 1);
  return long === -1 ? dims.length - 1 : long;
}

const rowLength = (dims: readonly ColouredDim[]): number => dims[rowDim(dims)]?.size ?? 1;

/** How the colour indices of all dimensions move through a part. */
interface Walk {
  /** Where every dimension's colour index stands, at the beginning of a row. */
  readonly at: Int32Array;
  /** Dimensions whose colour index moves within a row, with its step; and all others. */
  readonly along: readonly { readonly d: number; readonly step: number }[];
  readonly still: readonly number[];
  /** Goes to the next row. */
  readonly advance: () => void;
}

function walkRows(dims: readonly ColouredDim[], orientation: readonly number[]): Walk {
  const last = rowDim(dims);
  const index = dims.map(() => 0);
  const at = Int32Array.from(dims, ({ signed }, d) => (signed ? orientation[d] : 0));
  const scaled = dims.map(({ steps, signed }) => steps.map((step) => (signed ? 2 * step : step)));
  return {
    at,
    along: dims.flatMap((_, d) => (scaled[d][last] === 0 ? [] : [{ d, step: scaled[d][last] }])),
    still: dims.flatMap((_, d) => (scaled[d][last] === 0 ? [d] : [])),
    advance: () => {
      for (let d = last - 1; d >= 0; d--) {
        index[d]++;
        for (let q = 0; q < dims.length; q++) at[q] += scaled[q][d];
        if (index[d] < dims[d].size) break;
        for (let q = 0; q < dims.length; q++) at[q] -= scaled[q][d] * dims[d].size;
        index[d] = 0;
      }
    },
  };
}

/** Factors that tell the dimensions of a part apart. */
const factorOf = (d: number) => ({ lo: 2 * d + 1, hi: 2 * d + 3 });

/** Adds a mixed entry, or a sum of them, to the colour of one index. */
function addTo({ target }: ColouredDim, d: number, index: number, lo: number, hi: number): void {
  if (target === null) return;
  const factor = factorOf(d);
  target.lo[index] = (target.lo[index] + Math.imul(lo, factor.lo)) | 0;
  target.hi[index] = (target.hi[index] + Math.imul(hi, factor.hi)) | 0;
}

const number = new Float64Array(1);
const words = new Int32Array(number.buffer);

/** One entry after another: what all other ways are held to. */
export function colourOneByOne(
  dims: readonly ColouredDim[],
  data: FloatArray,
  salt: Lanes64,
  orientation: readonly number[],
  negative: boolean,
  total: Lanes64,
): void {
  const length = rowLength(dims);
  const { at, along, still, advance } = walkRows(dims, orientation);
  const out: Lanes64 = { lo: 0, hi: 0 };
  for (let start = 0; start < data.length; start += length) {
    let row0 = salt.lo;
    let row1 = salt.hi;
    for (const d of still) {
      row0 = (row0 + dims[d].lo[at[d]]) | 0;
      row1 = (row1 + dims[d].hi[at[d]]) | 0;
    }
    for (let j = 0; j < length; j++) {
      const value = data[start + j];
      number[0] = value === 0 ? 0 : negative ? -value : value; // -0 is 0
      let c0 = row0;
      let c1 = row1;
      for (const { d } of along) {
        c0 = (c0 + dims[d].lo[at[d]]) | 0;
        c1 = (c1 + dims[d].hi[at[d]]) | 0;
      }
      mixInto(out, words[0], words[1], c0, c1);
      total.lo = (total.lo + out.lo) | 0;
      total.hi = (total.hi + out.hi) | 0;
      for (let d = 0; d < dims.length; d++) addTo(dims[d], d, at[d], out.lo, out.hi);
      for (const { d, step } of along) at[d] += step;
    }
    for (const { d, step } of along) at[d] -= step * length;
    advance();
  }
}

/** Rows of many entries, four at a time. A dimension whose index stays gets the sum of a row, one that moves that of a column. */
export function colourRows(
  dims: readonly ColouredDim[],
  data: FloatArray,
  salt: Lanes64,
  orientation: readonly number[],
  negative: boolean,
  total: Lanes64,
): void {
  const length = rowLength(dims);
  const kernel = rowKernel(length, data instanceof Float64Array ? "float64" : "float32");
  const { at, along, still, advance } = walkRows(dims, orientation);
  const rank = dims.length;
  /** Where indices stand at each row of a block, [rows, rank]. */
  const places = new Int32Array(kernel.rows * rank);
  const count = data.length / length;
  let bases: Int32Array | undefined;
  for (let start = 0; start < count;) {
    if (bases === undefined || !sameBases(along, bases, at)) {
      if (bases !== undefined) addColumns(kernel, dims, along, bases);
      bases = at.slice();
      gatherColours(kernel, dims, along, bases);
    }
    let rows = 0;
    do {
      places.set(at, rows * rank);
      let [lo, hi] = [salt.lo, salt.hi];
      for (const d of still) {
        lo = (lo + dims[d].lo[at[d]]) | 0;
        hi = (hi + dims[d].hi[at[d]]) | 0;
      }
      kernel.rowLo[rows] = lo;
      kernel.rowHi[rows] = hi;
      rows++;
      advance();
    } while (rows < kernel.rows && start + rows < count && sameBases(along, bases, at));
    kernel.run(data.subarray(start * length, (start + rows) * length), negative);
    for (let row = 0; row < rows; row++) {
      const [lo, hi] = [kernel.totalLo, kernel.totalHi].map(
        (lanes) =>
          (lanes[4 * row] + lanes[4 * row + 1] + lanes[4 * row + 2] + lanes[4 * row + 3]) | 0,
      );
      total.lo = (total.lo + lo) | 0;
      total.hi = (total.hi + hi) | 0;
      for (const d of still) addTo(dims[d], d, places[row * rank + d], lo, hi);
    }
    start += rows;
  }
  if (bases !== undefined) addColumns(kernel, dims, along, bases);
}

const sameBases = (along: Walk["along"], bases: Int32Array, at: Int32Array) =>
  along.every(({ d }) => bases[d] === at[d]);

/** What the colours along a row add to its entries. */
function gatherColours(
  { lo, hi, sumLo, sumHi }: RowKernel,
  dims: readonly ColouredDim[],
  along: Walk["along"],
  bases: Int32Array,
): void {
  for (const sums of [lo, hi, sumLo, sumHi]) sums.fill(0);
  const length = rowLength(dims);
  for (const { d, step } of along) {
    for (let j = 0, i = bases[d]; j < length; j++, i += step) {
      lo[j] = (lo[j] + dims[d].lo[i]) | 0;
      hi[j] = (hi[j] + dims[d].hi[i]) | 0;
    }
  }
}

/** Adds the sums of columns to the colours along a row. */
function addColumns(
  { sumLo, sumHi }: RowKernel,
  dims: readonly ColouredDim[],
  along: Walk["along"],
  bases: Int32Array,
): void {
  const length = rowLength(dims);
  for (const { d, step } of along)
    for (let j = 0, i = bases[d]; j < length; j++, i += step)
      addTo(dims[d], d, i, sumLo[j], sumHi[j]);
}
