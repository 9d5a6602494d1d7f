// The initializers of an ONNX file as a source of tensors. The file is held in memory: its messages nest, so that tensors
// cannot be found without reading it.

import { UnsupportedError } from "../../core/errors.ts";
import { type Bytes, byteSource } from "../byte-source.ts";
import { bytesOfProto, readOutside } from "./onnx-data.ts";
import type { OnnxType } from "./onnx-element-types.ts";
import type { OnnxTensor } from "./onnx-tensor.ts";
import type { OnnxGraph } from "./onnx-types.ts";
import { maxBytes, readOnnx } from "./onnx.ts";
import type { OpenBeside } from "../byte-source.ts";
import type { SafeDtype } from "../safetensors/safetensors-dtypes.ts";
import { makeTensorSource, type TensorSource } from "../tensor-source.ts";

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
 * The stored tensors of a model, in the file's order; those that hold text are left out. Numbers in files beside the model
 * are read when they are asked for, through `openBeside`.
 * @throws {FormatError} {UnsupportedError} as `readOnnx`
 */
export async function openOnnx(
  bytes: Bytes,
  openBeside: OpenBeside = () => Promise.resolve(undefined),
): Promise<TensorSource> {
  const file = byteSource(bytes);
  if (file.size > maxBytes)
    throw new UnsupportedError(
      `readOnnx: ${file.location} has ${file.size} bytes, at most ${maxBytes} in one file; check the path`,
    );
  const graph = readOnnx(await file.read(0, file.size));
  const { initializers } = graph;
  const beside = besideFiles(openBeside);
  const tensors = new Map<string, OnnxTensor & { readonly dtype: SafeDtype }>();
  for (const [name, tensor] of initializers) {
    if (tensor.type !== "string") tensors.set(name, { ...tensor, dtype: dtypes[tensor.type] });
  }
  const source = makeTensorSource({
    file: {
      location: file.location,
      close: async () => {
        await beside.close();
        await file.close?.();
      },
    },
    format: "onnx",
    entries: tensors,
    load: async (name) => {
      const tensor = tensors.get(name)!;
      if (tensor.outside === undefined) return stored(tensor);
      const where = `tensor "${name}"`;
      const data = await beside.open(tensor.outside.location);
      if (data === undefined)
        throw new UnsupportedError(
          `readTensor: ${where} of ${file.location} keeps its numbers in the file "${tensor.outside.location}", which is not there; put it into the folder of the model`,
        );
      return readOutside(
        data,
        tensor.outside,
        bytesOfProto(tensor.source, tensor.outside, where),
        where,
      );
    },
  });
  if (isWhole(graph)) graphs.set(source, graph);
  return source;
}

/** Graphs of the sources that were opened here; a source that nobody holds lets its graph go. */
const graphs = new WeakMap<TensorSource, OnnxGraph>();

/** The graph behind a source of {@link openOnnx}, so that it is read once; undefined where numbers lie in files beside the model. */
export const graphBehind = (source: TensorSource): OnnxGraph | undefined => graphs.get(source);

/** Whether all numbers of a graph are in the model's own file. */
function isWhole({ initializers, nodes }: OnnxGraph): boolean {
  for (const { outside } of initializers.values()) if (outside !== undefined) return false;
  for (const { attributes } of nodes)
    for (const attribute of attributes.values())
      if (attribute.kind === "tensor" && attribute.value.outside !== undefined) return false;
  return true;
}

/** The files beside a model, each opened once, when it is first asked for. */
function besideFiles(openBeside: OpenBeside) {
  const opened = new Map<string, ReturnType<OpenBeside>>();
  return {
    open(location: string): ReturnType<OpenBeside> {
      const file = opened.get(location) ?? openBeside(location);
      opened.set(location, file);
      return file;
    },
    async close(): Promise<void> {
      for (const file of opened.values()) await (await file.catch(() => undefined))?.close?.();
      opened.clear();
    },
  };
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
