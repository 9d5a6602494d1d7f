// Numbers into the format of a file: floats round to the nearest value, ties to even (IEEE 754; OCP 8-bit floats), whole
// numbers are kept as they are or refused.

import { OptionError } from "../core/errors.ts";
import type { Tensor } from "../core/tensors.ts";
import type { SafeDtype, SafeTensor } from "./safetensors-dtypes.ts";
import { widen } from "./widen.ts";

/** A float format of at most 16 bits: fraction bits, exponent bias, its largest finite code, what is beyond it, and NaN. */
interface SmallFloat {
  readonly fraction: number;
  readonly bias: number;
  readonly largest: number;
  readonly overflow: number;
  readonly nan: number;
  readonly sign: number;
}

const small: Partial<Record<SafeDtype, SmallFloat>> = {
  F16: { fraction: 10, bias: 15, largest: 0x7bff, overflow: 0x7c00, nan: 0x7e00, sign: 0x8000 },
  BF16: { fraction: 7, bias: 127, largest: 0x7f7f, overflow: 0x7f80, nan: 0x7fc0, sign: 0x8000 },
  F8_E5M2: { fraction: 2, bias: 15, largest: 0x7b, overflow: 0x7c, nan: 0x7e, sign: 0x80 },
  // No infinities: what is too large has no value.
  F8_E4M3: { fraction: 3, bias: 7, largest: 0x7e, overflow: 0x7f, nan: 0x7f, sign: 0x80 },
};

/** Smallest and largest integer of a format, as far as doubles count exactly. */
const ranges: Partial<Record<SafeDtype, readonly [number, number]>> = {
  BOOL: [0, 1],
  U8: [0, 255],
  I8: [-128, 127],
  U16: [0, 65_535],
  I16: [-32_768, 32_767],
  U32: [0, 2 ** 32 - 1],
  I32: [-(2 ** 31), 2 ** 31 - 1],
  U64: [0, Number.MAX_SAFE_INTEGER],
  I64: [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

/**
 * A tensor as a file of this format holds it. Floats too large for the format become infinite (NaN in F8_E4M3).
 * @throws {OptionError} for a number that an integer format cannot hold, and for C64 and F8_E8M0
 */
export function narrow({ shape, data }: Tensor, dtype: SafeDtype, name: string): SafeTensor {
  const float = small[dtype];
  const make = (array: ArrayBufferView): SafeTensor => ({
    dtype,
    shape,
    data: new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
  });
  if (float !== undefined) {
    const codes = new (float.sign === 0x80 ? Uint8Array : Uint16Array)(data.length);
    encode(data, codes, float);
    return make(codes);
  }
  checkRange(data, dtype, name);
  switch (dtype) {
    case "F32":
      return make(data instanceof Float32Array ? data : Float32Array.from(data));
    case "F64":
      return make(data instanceof Float64Array ? data : Float64Array.from(data));
    case "I8":
      return make(Int8Array.from(data));
    case "U16":
      return make(Uint16Array.from(data));
    case "I16":
      return make(Int16Array.from(data));
    case "U32":
      return make(Uint32Array.from(data));
    case "I32":
      return make(Int32Array.from(data));
    case "U64":
      return make(bigs(new BigUint64Array(data.length), data));
    case "I64":
      return make(bigs(new BigInt64Array(data.length), data));
    default:
      return make(Uint8Array.from(data));
  }
}

/** What to do where a format is too small. */
const wider: Partial<Record<SafeDtype, string>> = {
  F64: "no wider format is written: rescale the network where it was made",
  F32: "convert the checkpoint to F64 first",
};

/**
 * The same for a network that is to be used: a number that is not finite, or not any more in this format, is refused.
 * @throws {OptionError} naming tensor, entry and format; as `narrow`
 */
export function narrowFinite(tensor: Tensor, dtype: SafeDtype, name: string): SafeTensor {
  const written = narrow(tensor, dtype, name);
  const float = small[dtype];
  if (float === undefined && dtype !== "F32" && dtype !== "F64") return written;
  const numbers = float === undefined && dtype === "F64" ? tensor.data : widen(written, name).data;
  const bad = numbers.findIndex((x) => !Number.isFinite(x));
  if (bad === -1) return written;
  const given = tensor.data[bad];
  const what = Number.isFinite(given)
    ? `${given.toPrecision(4)} at entry ${bad}, which is too large for ${dtype}`
    : `${given} at entry ${bad}, its numbers are too large or too small for ${dtype}`;
  throw new OptionError(
    `narrow: tensor ${JSON.stringify(name)} would hold ${what}; ${wider[dtype] ?? "convert the checkpoint to F32 first"}`,
  );
}

function bigs<T extends BigInt64Array | BigUint64Array>(result: T, data: Tensor["data"]): T {
  for (let i = 0; i < data.length; i++) result[i] = BigInt(data[i]);
  return result;
}

function checkRange(data: Tensor["data"], dtype: SafeDtype, name: string): void {
  if (dtype === "F32" || dtype === "F64") return;
  const where = `tensor ${JSON.stringify(name)}`;
  const range = ranges[dtype];
  if (range === undefined)
    throw new OptionError(
      `narrow: ${where} cannot be written as ${dtype} from real numbers; choose F32, or pass its bytes on`,
    );
  const bad = data.findIndex((x) => !(Number.isInteger(x) && range[0] <= x && x <= range[1]));
  if (bad !== -1)
    throw new OptionError(
      `narrow: ${where} holds ${data[bad]} at entry ${bad}, expected whole numbers from ${range[0]} to ${range[1]} for ${dtype}; choose a float format for it`,
    );
}

/** 2 to the powers from -1050 to 1049. */
const powers = Float64Array.from({ length: 2100 }, (_, i) => 2 ** (i - 1050));
/** Added and taken away, it rounds a number from 0 to 2^51 to a whole one, ties to even. */
const rounder = 2 ** 52;

/** Numbers at a time: as doubles, and the halves of their bits. */
const block = new Float64Array(4096);
const halves = new Uint32Array(block.buffer);

/** The codes of the nearest values; ties go to the even code. */
function encode(data: Tensor["data"], codes: Uint8Array | Uint16Array, format: SmallFloat): void {
  const { fraction, bias, largest, overflow, nan, sign } = format;
  for (let start = 0; start < data.length; start += block.length) {
    const part = data.subarray(start, start + block.length);
    block.set(part);
    for (let i = 0; i < part.length; i++) {
      const high = halves[2 * i + 1];
      const exponent = ((high >>> 20) & 0x7ff) - 1023;
      const magnitude = Math.abs(block[i]);
      let code: number;
      if (exponent === 1024) code = magnitude === Infinity ? overflow : nan;
      else {
        const e = Math.max(exponent, 1 - bias);
        const rounded = magnitude * powers[fraction - e + 1050] + rounder - rounder;
        code = Math.min(rounded + (e + bias - 1) * 2 ** fraction, largest + 1);
        if (code > largest) code = overflow;
      }
      const isNegative = high >>> 31 === 1 && code !== nan;
      codes[start + i] = isNegative ? code | sign : code;
    }
  }
}
