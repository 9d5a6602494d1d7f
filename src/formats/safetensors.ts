// Minimal safetensors reader and writer: header, tensors, metadata; no validation of hostile headers.

import { FormatError } from "../core/errors.ts";

export interface SafetensorsTensor {
  readonly dtype: "F32" | "F64" | "I32" | "U32";
  readonly shape: number[];
  readonly data: Uint8Array;
}

export function writeSafetensors(
  tensors: Record<string, SafetensorsTensor>,
  metadata: Record<string, string>,
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.length] };
    offset += data.length;
  }
  let text = JSON.stringify(header);
  let bytes = new TextEncoder().encode(text);
  text += " ".repeat((8 - (bytes.length % 8)) % 8);
  bytes = new TextEncoder().encode(text);
  const result = new Uint8Array(8 + bytes.length + offset);
  new DataView(result.buffer).setBigUint64(0, BigInt(bytes.length), true);
  result.set(bytes, 8);
  let position = 8 + bytes.length;
  for (const { data } of Object.values(tensors)) {
    result.set(data, position);
    position += data.length;
  }
  return result;
}

export function readSafetensors(bytes: Uint8Array): {
  tensors: Map<string, SafetensorsTensor>;
  metadata: Record<string, string>;
} {
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const length = Number(view.getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<
      string,
      never
    >;
    const { __metadata__: metadata, ...entries } = header;
    const tensors = Object.entries(entries).map(([name, entry]): [string, SafetensorsTensor] => {
      const {
        dtype,
        shape,
        data_offsets: offsets,
      } = entry as SafetensorsTensor & {
        data_offsets: [number, number];
      };
      const data = bytes.subarray(8 + length + offsets[0], 8 + length + offsets[1]);
      if (data.length !== offsets[1] - offsets[0]) throw new RangeError("truncated");
      return [name, { dtype, shape, data }];
    });
    return { tensors: new Map(tensors), metadata: metadata ?? {} };
  } catch (error) {
    throw new FormatError("readSafetensors: not a safetensors file", { cause: error });
  }
}

export function toFloat32(tensor: SafetensorsTensor): Float32Array {
  const copy = tensor.data.slice();
  return new Float32Array(copy.buffer, 0, copy.length / 4);
}
