// Writing safetensors files: as bytes at once, or as a stream that holds one tensor at a time. The same tensors and
// metadata always give the same bytes.

import { ShapeError } from "../../core/errors.ts";
import { equalShapes, formatShape, sizeOf } from "../../core/shapes.ts";
import type { Tensor } from "../../core/tensors.ts";
import { narrowFinite } from "../narrow.ts";
import { dtypeBytes, type SafeTensor } from "./safetensors-dtypes.ts";
import { layoutSafetensors } from "./safetensors-layout.ts";
import type { TensorEntry } from "../tensor-source.ts";

/** A tensor of a file as read, or host numbers, written as F32 or F64 after their array type. */
export type WritableTensor = SafeTensor | Tensor;

/**
 * The bytes of a file: wider formats first, then by name, so that every tensor is aligned to its number size; the
 * header is padded with spaces to a multiple of 8 bytes and metadata keys are sorted.
 * @throws {ShapeError} when data and shape disagree; {FormatError} for a name the format cannot hold.
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, WritableTensor]> | Readonly<Record<string, WritableTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const named = Symbol.iterator in tensors ? [...tensors] : Object.entries(tensors);
  const entries = named.map(([name, tensor]) => [name, asSafeTensor(name, tensor)] as const);
  const { prefix, names } = layoutSafetensors(entries, metadata);
  const data = new Map(entries.map(([name, tensor]) => [name, tensor.data]));
  const length = entries.reduce((sum, [, tensor]) => sum + tensor.data.length, prefix.length);
  const bytes = new Uint8Array(length);
  bytes.set(prefix);
  let at = prefix.length;
  for (const name of names) {
    const part = data.get(name)!;
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** What a tensor of a file to be written will be. */
export type PlannedTensor = Pick<TensorEntry, "dtype" | "shape">;

/**
 * The bytes of a file in pieces, the same as `writeSafetensors` gives: first the header, from `entries` alone, then one
 * tensor after the other, asked for in the order of the file. Numbers (`Tensor`) are rounded to the format their entry
 * has, to the nearest value; bytes (`SafeTensor`) must have it already.
 * @throws {ShapeError} when a tensor is not what its entry says; {FormatError} for a name the format cannot hold;
 * {OptionError} for a number that the format cannot hold, NaN and infinities among them; whatever `read` throws.
 */
export async function* streamSafetensors(
  entries: Iterable<readonly [string, PlannedTensor]>,
  read: (name: string) => Promise<WritableTensor>,
  metadata: Readonly<Record<string, string>> = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const planned = [...entries];
  const { prefix, names } = layoutSafetensors(planned, metadata);
  const plan = new Map(planned);
  yield prefix;
  for (const name of names) {
    const { dtype, shape } = plan.get(name)!;
    const tensor = await read(name);
    const where = `writeSafetensors: tensor ${JSON.stringify(name)}`;
    if (!equalShapes(tensor.shape, shape))
      throw new ShapeError(
        `${where} has shape ${formatShape(tensor.shape)}, but was announced with ${formatShape(shape)}`,
      );
    if ("dtype" in tensor && tensor.dtype !== dtype)
      throw new ShapeError(
        `${where} has format ${tensor.dtype}, but was announced with ${dtype}; give its numbers to have them converted`,
      );
    const safe = "dtype" in tensor ? tensor : narrowFinite(checkCount(name, tensor), dtype, name);
    yield asSafeTensor(name, safe).data;
  }
}

function checkCount(name: string, tensor: Tensor): Tensor {
  asSafeTensor(name, tensor);
  return tensor;
}

function asSafeTensor(name: string, tensor: WritableTensor): SafeTensor {
  const { shape } = tensor;
  const data = new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
  const dtype =
    "dtype" in tensor ? tensor.dtype : tensor.data instanceof Float64Array ? "F64" : "F32";
  const expected = sizeOf(shape) * dtypeBytes[dtype];
  if (data.length !== expected) {
    throw new ShapeError(
      `writeSafetensors: tensor ${JSON.stringify(name)} of shape ${formatShape(shape)} and format ${dtype} needs ${expected} bytes, got ${data.length}`,
    );
  }
  return { dtype, shape, data };
}
