// Writing safetensors files: the same tensors and metadata always give the same bytes.

import { FormatError, ShapeError } from "../core/errors.ts";
import { formatShape, sizeOf } from "../core/shapes.ts";
import type { Tensor } from "../core/tensors.ts";
import { dtypeBytes, type SafeTensor } from "./safetensors-dtypes.ts";

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
  const seen = new Set<string>();
  const entries = named.map(([name, tensor]) => {
    checkText(name, "tensor name");
    if (name === "__metadata__") {
      throw new FormatError(
        `writeSafetensors: the tensor name "__metadata__" is reserved by the format; rename the tensor`,
      );
    }
    if (seen.has(name)) {
      throw new FormatError(`writeSafetensors: tensor ${JSON.stringify(name)} is given twice`);
    }
    seen.add(name);
    return { name, tensor: asSafeTensor(name, tensor) };
  });
  entries.sort(
    (a, b) =>
      dtypeBytes[b.tensor.dtype] - dtypeBytes[a.tensor.dtype] ||
      (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
  const header: [string, unknown][] = [];
  const texts = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const text of texts.flat()) checkText(text, "metadata");
  if (texts.length > 0) header.push(["__metadata__", Object.fromEntries(texts)]);
  let end = 0;
  for (const { name, tensor } of entries) {
    const start = end;
    end += tensor.data.length;
    header.push([name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [start, end] }]);
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const dataStart = 8 + Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(dataStart + end).fill(0x20, 8 + json.length, dataStart);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(dataStart - 8), true);
  bytes.set(json, 8);
  let at = dataStart;
  for (const { tensor } of entries) {
    bytes.set(tensor.data, at);
    at += tensor.data.length;
  }
  return bytes;
}

function checkText(text: string, what: string): void {
  if (!text.isWellFormed()) {
    throw new FormatError(
      `writeSafetensors: the ${what} ${JSON.stringify(text)} is not valid Unicode, so UTF-8 cannot hold it; rename it`,
    );
  }
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
