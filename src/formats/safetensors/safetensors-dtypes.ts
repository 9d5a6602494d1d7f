// Number formats of safetensors files: their sizes, and widening of every one of them to float32.

import { UnsupportedError } from "../../core/errors.ts";
import { decodeSmallFloats, type EncodedFloat } from "../../core/floats.ts";

/** Bytes per number of every format that fills whole bytes. */
export const dtypeBytes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
  C64: 8,
} as const;

/** Number formats of safetensors. */
export type SafeDtype = keyof typeof dtypeBytes;

/** Whether a format holds floats, which may have fractions. */
export const isFloatDtype = (dtype: string): boolean => /^B?F\d/.test(dtype);

/** Formats that pack several numbers into a byte: named in the published format, not read here. */
export const packedDtypes: readonly string[] = ["F4", "F6_E2M3", "F6_E3M2"];

/** One tensor of a file; `data` is a view of the file's bytes, little endian, row-major, possibly unaligned. */
export interface SafeTensor {
  readonly dtype: SafeDtype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

type Table = Float32Array<ArrayBuffer>;

/** Formats of at most 16 bits by their names in safetensors files. */
export const smallFloats: Partial<Record<SafeDtype, EncodedFloat>> = {
  F16: "float16",
  BF16: "bfloat16",
  F8_E5M2: "float8e5m2",
  F8_E4M3: "float8e4m3",
};

const byteTables = new Map<SafeDtype, Table>();
const byteValues: Partial<Record<SafeDtype, (byte: number) => number>> = {
  BOOL: (byte) => (byte === 0 ? 0 : 1),
  U8: (byte) => byte,
  I8: (byte) => (byte << 24) >> 24,
};

/** All 256 values of a one-byte format, filled on first use; undefined for other formats. */
function byteTable(dtype: SafeDtype): Table | undefined {
  const value = byteValues[dtype];
  const known = byteTables.get(dtype);
  if (value === undefined || known !== undefined) return known;
  const table = Float32Array.from({ length: 256 }, (_, byte) => value(byte));
  byteTables.set(dtype, table);
  return table;
}

function lookUp(codes: Uint8Array, table: Table): Table {
  const result = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) result[i] = table[codes[i]];
  return result;
}

/**
 * A fresh float32 copy of a tensor's numbers, row-major. Exact for F32, F16, BF16, F8, BOOL and integers up to 2^24;
 * rounded to the nearest float32 for F64 and larger integers.
 * @throws {UnsupportedError} for complex numbers (C64) and bare exponents (F8_E8M0).
 */
export function toFloat32(tensor: Pick<SafeTensor, "dtype" | "data">): Table {
  const { dtype, data } = tensor;
  const table = byteTable(dtype);
  if (table !== undefined) return lookUp(data, table);
  const { buffer } = new Uint8Array(data);
  const small = smallFloats[dtype];
  if (small !== undefined)
    return decodeSmallFloats(dtypeBytes[dtype] === 1 ? data : new Uint16Array(buffer), small);
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer);
    case "F64":
      return new Float32Array(new Float64Array(buffer));
    case "U16":
      return new Float32Array(new Uint16Array(buffer));
    case "I16":
      return new Float32Array(new Int16Array(buffer));
    case "U32":
      return new Float32Array(new Uint32Array(buffer));
    case "I32":
      return new Float32Array(new Int32Array(buffer));
    case "U64":
      return roundBigs(new BigUint64Array(buffer));
    case "I64":
      return roundBigs(new BigInt64Array(buffer));
    default:
      throw new UnsupportedError(
        `toFloat32: numbers of format ${dtype} have no float32 value here; convert the file to F32 where it was made`,
      );
  }
}

function roundBigs(values: BigUint64Array | BigInt64Array): Table {
  const result = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) result[i] = Number(values[i]);
  return result;
}
