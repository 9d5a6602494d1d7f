// The two factors of one layer in float64, with what rounding in the file may have done to their product.

import { OptionError } from "../core/errors.ts";
import { sizeOf } from "../core/shapes.ts";
import type { SafeDtype } from "../formats/safetensors/safetensors-dtypes.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import type { AdapterLayer } from "./adapter.ts";
import type { Columns } from "./thin-qr.ts";

/** scale * B A as two tall matrices. */
export interface Factors {
  /** B [out, rank]. */
  readonly up: Columns;
  /** A [rank, in * kernel] transposed: [in * kernel, rank]. */
  readonly down: Columns;
  readonly scale: number;
  /** The size of the terms of the product: scale times the root of the sum over k of |b_k|^2 |a_k|^2. */
  readonly terms: number;
  /**
   * The typical size, as a Frobenius norm, of what rounding every entry of A and B to their formats changes in the product.
   * It grows where B A is a small sum of large terms.
   */
  readonly noise: number;
}

/** Half the distance from 1 to the next number. */
const roundoffs: Partial<Record<SafeDtype, number>> = {
  F64: 2 ** -53,
  F32: 2 ** -24,
  F16: 2 ** -11,
  BF16: 2 ** -8,
  F8_E4M3: 2 ** -4,
  F8_E5M2: 2 ** -3,
};

/** How far rounding moves a number of a format at most, relatively. */
export const roundoffOf = (dtype: SafeDtype): number => roundoffs[dtype] ?? 2 ** -24;

/** The same for factors whose basis was changed in float32, or in float64, which loses a few bits more. */
const afterArithmetic = (dtype: SafeDtype): number =>
  dtype === "F64" ? 2 ** -48 : Math.max(roundoffOf(dtype), 2 ** -20);

/** @throws {OptionError} for NaN and infinities, naming the tensor; as reading does */
export async function readFactors(source: TensorSource, layer: AdapterLayer): Promise<Factors> {
  const { names, shape, scale } = layer;
  const read = async (name: string) => {
    const { data } = await source.read(name);
    for (let i = 0; i < data.length; i++)
      if (!Number.isFinite(data[i]))
        throw new OptionError(
          `readFactors: ${source.location}: tensor ${JSON.stringify(name)} holds ${data[i]} at entry ${i}, so the product of its layer is not known; find out where it was made`,
        );
    return data;
  };
  const [out] = shape;
  const width = sizeOf(shape.slice(1));
  const b = await read(names.up);
  const given = await read(names.down);
  const rank = b.length / out;
  const a =
    names.middle === undefined
      ? given
      : throughMiddle(await read(names.middle), given, rank, shape);
  const up = transposed(b, out, rank);
  const down = { rows: width, columns: rank, data: Float64Array.from(a) };
  const errorOf = (name: string) => afterArithmetic(source.entries.get(name)!.dtype);
  // An alpha that is a small whole number has every format.
  const isRounded = names.alpha !== undefined && !Number.isInteger(layer.alpha);
  const total = Math.hypot(
    errorOf(names.up),
    Math.max(errorOf(names.down), errorOf(names.middle ?? names.down)),
    isRounded ? errorOf(names.alpha) : 0,
  );
  const terms = Math.abs(scale ?? 1) * termSize(up, down);
  return { up, down, scale: scale ?? 1, terms, noise: total * terms };
}

/** The square root of the sum over k of |b_k|^2 |a_k|^2. */
function termSize(up: Columns, down: Columns): number {
  let sum = 0;
  for (let k = 0; k < up.columns; k++) sum += squareOf(up, k) * squareOf(down, k);
  return Math.sqrt(sum);
}

function squareOf({ rows, data }: Columns, column: number): number {
  let sum = 0;
  for (let i = column * rows; i < (column + 1) * rows; i++) sum += data[i] * data[i];
  return sum;
}

function transposed(data: ArrayLike<number>, rows: number, columns: number): Columns {
  const turned = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) turned[j * rows + i] = data[i * columns + j];
  return { rows, columns, data: turned };
}

/** A of a convolution in three steps: entry [p, i, k] is the sum over q of middle[p, q, k] down[q, i]. */
function throughMiddle(
  middle: ArrayLike<number>,
  down: ArrayLike<number>,
  rank: number,
  shape: readonly number[],
): Float64Array {
  const [, inputs, ...kernel] = shape;
  const places = sizeOf(kernel);
  const inner = down.length / inputs;
  const a = new Float64Array(rank * inputs * places);
  for (let p = 0; p < rank; p++)
    for (let q = 0; q < inner; q++)
      for (let i = 0; i < inputs; i++) {
        const factor = down[q * inputs + i];
        const [to, from] = [(p * inputs + i) * places, (p * inner + q) * places];
        for (let k = 0; k < places; k++) a[to + k] += middle[from + k] * factor;
      }
  return a;
}
