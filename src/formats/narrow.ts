// Numbers into the format of a file: floats round to the nearest value, ties to even (IEEE 754; OCP 8-bit floats), whole
// numbers are kept as they are or refused.

import { OptionError } from "../core/errors.ts";
import { encodeSmallFloats } from "../core/floats.ts";
import type { Tensor } from "../core/tensors.ts";
import { type SafeDtype, type SafeTensor, smallFloats } from "./safetensors/safetensors-dtypes.ts";
import { widen } from "./widen.ts";

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
  const float = smallFloats[dtype];
  const make = (array: ArrayBufferView): SafeTensor => ({
    dtype,
    shape,
    data: new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
  });
  if (float !== undefined) return make(encodeSmallFloats(data, float));
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
  const float = smallFloats[dtype];
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
