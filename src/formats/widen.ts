// Stored numbers as ordinary arrays without loss: float32 where it holds every value of the format, else float64.

import { UnsupportedError } from "../core/errors.ts";
import type { Tensor } from "../core/tensors.ts";
import { type SafeTensor, toFloat32 } from "./safetensors/safetensors-dtypes.ts";

/** The bytes where a typed array may begin; copied only when they lie elsewhere. */
function aligned(data: Uint8Array, width: number): [ArrayBufferLike, number, number] {
  const { buffer, byteOffset, length } = data.byteOffset % width === 0 ? data : data.slice();
  return [buffer, byteOffset, length / width];
}

/**
 * The exact numbers of a tensor, of the file at `location` for messages; F32 and F64 are views of its bytes where alignment allows.
 * @throws {UnsupportedError} for C64, F8_E8M0 and integers beyond 2^53
 */
export function widen({ dtype, shape, data }: SafeTensor, name: string, location?: string): Tensor {
  const where = `${location === undefined ? "" : `${location}: `}tensor ${JSON.stringify(name)}`;
  switch (dtype) {
    case "F32":
      return { shape, data: new Float32Array(...aligned(data, 4)) };
    case "F64":
      return { shape, data: new Float64Array(...aligned(data, 8)) };
    case "I32":
      return { shape, data: Float64Array.from(new Int32Array(...aligned(data, 4))) };
    case "U32":
      return { shape, data: Float64Array.from(new Uint32Array(...aligned(data, 4))) };
    case "I64":
      return { shape, data: wholeNumbers(new BigInt64Array(...aligned(data, 8)), where) };
    case "U64":
      return { shape, data: wholeNumbers(new BigUint64Array(...aligned(data, 8)), where) };
    case "C64":
    case "F8_E8M0":
      throw new UnsupportedError(
        `readTensor: ${where} has format ${dtype}, which is not a real number by itself; leave the tensor out or convert it where it was made`,
      );
    default:
      return { shape, data: toFloat32({ dtype, data }) };
  }
}

function wholeNumbers(values: BigInt64Array | BigUint64Array, where: string): Float64Array {
  const result = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    result[i] = Number(values[i]);
    if (!Number.isSafeInteger(result[i]))
      throw new UnsupportedError(
        `readTensor: ${where} holds the integer ${values[i]} at entry ${i}, beyond 2^53; leave the tensor out or store it as float64`,
      );
  }
  return result;
}
