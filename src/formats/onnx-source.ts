// The initializers of an ONNX file as a source of tensors. The file is held in memory: its messages nest, so that tensors
// cannot be found without reading it.

import { UnsupportedError } from "../core/errors.ts";
import { type Bytes, byteSource } from "./byte-source.ts";
import type { OnnxTensor, OnnxType } from "./onnx-tensor.ts";
import { maxBytes, readOnnx } from "./onnx.ts";
import type { SafeDtype } from "./safetensors-dtypes.ts";
import { makeTensorSource, type TensorSource } from "./tensor-source.ts";

const dtypes: Readonly<Record<Exclude<OnnxType, "string">, SafeDtype>> = {
  float32: "F32",
  float64: "F64",
  float16: "F16",
  bfloat16: "BF16",
  int8: "I8",
  int16: "I16",
  int32: "I32",
  int64: "I64",
  uint8: "U8",
  uint16: "U16",
  uint32: "U32",
  uint64: "U64",
  bool: "BOOL",
};

/**
 * The stored tensors of a model, in the file's order; those that hold text are left out.
 * @throws {FormatError} {UnsupportedError} as `readOnnx`, for data outside the file among others
 */
export async function openOnnx(bytes: Bytes): Promise<TensorSource> {
  const file = byteSource(bytes);
  if (file.size > maxBytes)
    throw new UnsupportedError(
      `readOnnx: ${file.location} has ${file.size} bytes, at most ${maxBytes} in one file; check the path`,
    );
  const { initializers } = readOnnx(await file.read(0, file.size));
  const tensors = new Map<string, OnnxTensor & { readonly dtype: SafeDtype }>();
  for (const [name, tensor] of initializers) {
    if (tensor.type !== "string") tensors.set(name, { ...tensor, dtype: dtypes[tensor.type] });
  }
  return makeTensorSource({
    file,
    format: "onnx",
    entries: tensors,
    load: (name) => Promise.resolve(stored(tensors.get(name)!)),
  });
}

/** Little-endian bytes; the format packs small types one to an entry of 32 bits where it does not store them raw. */
function stored({ type, source }: OnnxTensor): Uint8Array {
  if (source.rawData.length > 0) return source.rawData.slice();
  const { buffer } = fromFields(type as Exclude<OnnxType, "string">, source);
  return new Uint8Array(buffer);
}

function fromFields(
  type: Exclude<OnnxType, "string">,
  source: OnnxTensor["source"],
): ArrayBufferView<ArrayBuffer> {
  switch (type) {
    case "float32":
      return Float32Array.from(source.floatData);
    case "float64":
      return Float64Array.from(source.doubleData);
    case "int64":
      return BigInt64Array.from(source.int64Data);
    case "uint64":
      return BigUint64Array.from(source.uint64Data);
    case "uint32":
      return Uint32Array.from(source.uint64Data, Number);
    case "int32":
      return Int32Array.from(source.int32Data);
    case "int16":
      return Int16Array.from(source.int32Data);
    case "float16":
    case "bfloat16":
    case "uint16":
      return Uint16Array.from(source.int32Data);
    default:
      return Uint8Array.from(source.int32Data);
  }
}
