// Number formats and shapes of HDF5 arrays, from their datatype and dataspace messages.

import type { SafeDtype } from "../safetensors/safetensors-dtypes.ts";
import { fail, hdf5Limits, uint, uint64 } from "./hdf5-bytes.ts";

export interface Hdf5Type {
  readonly dtype: SafeDtype;
  /** Bytes of one value. */
  readonly width: number;
  /** What the file calls it, where its numbers are not read. */
  readonly stored?: string;
  readonly unreadable?: string;
  /** Whether it is a text, of fixed length or (16 bytes of place) in a heap. */
  readonly text?: "fixed" | "heap";
}

const classes = [
  "whole numbers",
  "floats",
  "times",
  "texts",
  "bit fields",
  "opaque bytes",
  "records",
  "references",
  "enumerated values",
  "lists of various lengths",
  "arrays in arrays",
];

const unread = (width: number, stored: string, unreadable: string): Hdf5Type => ({
  dtype: "F32",
  width,
  stored,
  unreadable,
});

const signed: Readonly<Record<number, SafeDtype>> = { 1: "I8", 2: "I16", 4: "I32", 8: "I64" };
const unsigned: Readonly<Record<number, SafeDtype>> = { 1: "U8", 2: "U16", 4: "U32", 8: "U64" };
/** By bytes, bits of exponent and bits of fraction. */
const floats: Readonly<Record<string, SafeDtype>> = {
  "2 5 10": "F16",
  "2 8 7": "BF16",
  "4 8 23": "F32",
  "8 11 52": "F64",
};

/** The format that a datatype message describes. @throws {FormatError} */
export function typeOf(data: DataView): Hdf5Type {
  const kind = uint(data, 0, 1) & 15;
  const bits = uint(data, 1, 1);
  const width = uint(data, 4, 4);
  const name = classes[kind] ?? `values of class ${kind}`;
  if (width === 0) return fail("values of no bytes");
  if (kind === 3) return { ...unread(width, "texts", "texts are not read"), text: "fixed" };
  if (kind === 9 && (bits & 15) === 1)
    return { ...unread(width, "texts", "texts are not read"), text: "heap" };
  const isBig = (bits & 1) !== 0 && (kind === 0 || kind === 1) && width > 1;
  const what = `${name} of ${width} bytes`;
  if (isBig) return unread(width, what, "numbers in big-endian order are not read");
  if (kind === 0) {
    const dtype = (bits & 8 ? signed : unsigned)[width];
    const isWhole = uint(data, 8, 2) === 0 && uint(data, 10, 2) === 8 * width;
    if (dtype !== undefined && isWhole) return { dtype, width };
  }
  if (kind === 1) {
    const dtype = floats[`${width} ${uint(data, 13, 1)} ${uint(data, 15, 1)}`];
    if (dtype !== undefined && uint(data, 8, 2) === 0) return { dtype, width };
  }
  // h5py writes booleans as two names for 0 and 1 over one byte.
  if (kind === 8 && width === 1 && bits === 2) return { dtype: "BOOL", width };
  return unread(width, what, "this number format is not read");
}

/** The shape that a dataspace message describes; undefined for one without any place for numbers. @throws {FormatError} */
export function shapeOf(data: DataView): readonly number[] | undefined {
  const version = uint(data, 0, 1);
  const rank = uint(data, 1, 1);
  if (version !== 1 && version !== 2) return fail(`a shape of version ${version}`);
  if (rank > hdf5Limits.rank) return fail(`${rank} dimensions, at most ${hdf5Limits.rank}`);
  if (version === 2 && uint(data, 3, 1) === 2) return undefined;
  const start = version === 1 ? 8 : 4;
  return Object.freeze(Array.from({ length: rank }, (_, i) => uint64(data, start + 8 * i)));
}
