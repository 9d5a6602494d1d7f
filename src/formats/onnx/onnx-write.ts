// Writes an ONNX file again with other numbers in its initializers, or with inner values given out; everything else stays.

import { create, toBinary } from "@bufbuild/protobuf";
import {
  ModelProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { ShapeError, UnsupportedError } from "../../core/errors.ts";
import { encodeSmallFloats } from "../../core/floats.ts";
import { formatShape, sizeOf } from "../../core/shapes.ts";
import type { Weights } from "../../core/tensors.ts";
import { flattenGraph } from "./onnx-flatten.ts";
import { decodeModel } from "./onnx.ts";
import { type OnnxType, typeOfNumber } from "./onnx-element-types.ts";

/** A writer of one model: give it tensors, get the file with these in place of its initializers of the same names. */
export type ModelWriter = (weights: Weights) => Uint8Array;

/**
 * The model with these tensors in place of its initializers of the same names. A name that the file computes by an
 * Identity node from another initializer becomes an initializer of its own.
 * @throws {ShapeError} for a name the file does not have or another number of entries.
 */
export function replaceInitializers(bytes: Uint8Array, weights: Weights): Uint8Array {
  return modelWriter(bytes)(weights);
}

/** Decodes the model once for many replacements; each starts from the original numbers. */
export function modelWriter(bytes: Uint8Array): ModelWriter {
  const model = decodeModel(bytes);
  const { graph } = model;
  const byName = new Map(graph === undefined ? [] : flattenGraph(model, graph).tensors);
  const identities = new Map(
    (graph?.node ?? [])
      .filter(({ opType }) => opType === "Identity")
      .map((node) => [node.output[0], node]),
  );
  /** The initializer of that name, made from the one that Identity nodes copy if need be. */
  const initializer = (name: string): TensorProto => {
    const known = byName.get(name);
    if (known !== undefined) return known;
    const node = identities.get(name);
    if (node === undefined || graph === undefined)
      throw new ShapeError(`replaceInitializers: the file has no initializer "${name}"`);
    identities.delete(name);
    const made = { ...initializer(node.input[0]), name };
    byName.set(name, made);
    graph.initializer.push(made);
    graph.node.splice(graph.node.indexOf(node), 1);
    return made;
  };
  return (weights) => {
    const original: [TensorProto, TensorProto][] = [];
    for (const [name, tensor] of Object.entries(weights)) {
      const proto = initializer(name);
      const shape = proto.dims.map(Number);
      if (sizeOf(shape) !== tensor.data.length)
        throw new ShapeError(
          `replaceInitializers: "${name}" has shape ${formatShape(shape)}, got ${tensor.data.length} entries`,
        );
      original.push([proto, { ...proto }]);
      writeTensor(proto, tensor.data);
    }
    const written = toBinary(ModelProtoSchema, model);
    for (const [proto, old] of original) {
      const { rawData, floatData, doubleData, int32Data, externalData } = old;
      Object.assign(proto, { rawData, floatData, doubleData, int32Data, externalData });
      if (externalData.length > 0) proto.dataLocation = TensorProto_DataLocation.EXTERNAL;
    }
    return written;
  };
}

function writeTensor(proto: TensorProto, data: Float32Array | Float64Array): void {
  const numbers = storedNumbers(proto, data);
  if (!littleEndian) swapBytes(numbers);
  const { buffer, byteOffset, byteLength } = numbers;
  setRaw(proto, new Uint8Array(buffer, byteOffset, byteLength));
}

/** A fresh array with the numbers in the tensor's element type. @throws {UnsupportedError} for types that are not written */
function storedNumbers(proto: TensorProto, data: Float32Array | Float64Array) {
  const type = typeOfNumber(proto.dataType);
  switch (type) {
    case "float32":
      return Float32Array.from(data);
    case "float64":
      return Float64Array.from(data);
    case "float16":
    case "bfloat16":
      return encodeSmallFloats(data, type);
    default:
      return storedIntegers(proto.name, type, data);
  }
}

/** Quantised weights, which are moved as they are. @throws {ShapeError} for other numbers; {UnsupportedError} */
function storedIntegers(
  name: string,
  type: OnnxType | undefined,
  data: Float32Array | Float64Array,
) {
  const integers = type === undefined ? undefined : integerArrays.get(type);
  if (integers === undefined)
    throw new UnsupportedError(
      `replaceInitializers: "${name}" holds ${type ?? "numbers of an unknown type"}, which is not written`,
    );
  const stored = integers.from(data);
  if (!stored.every((x, i) => x === data[i]))
    throw new ShapeError(`replaceInitializers: "${name}" holds ${type}, got other numbers`);
  return stored;
}

/** Numbers of a big-endian machine into the order of the file. */
function swapBytes({
  buffer,
  BYTES_PER_ELEMENT: width,
}: {
  buffer: ArrayBuffer;
  BYTES_PER_ELEMENT: number;
}): void {
  const bytes = new Uint8Array(buffer);
  for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}

/** Quantised weights: permuted as they are. */
const integerArrays = new Map<
  OnnxType,
  Int8ArrayConstructor | Uint8ArrayConstructor | Int32ArrayConstructor
>([
  ["int8", Int8Array],
  ["uint8", Uint8Array],
  ["int32", Int32Array],
]);

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function setRaw(proto: TensorProto, raw: Uint8Array<ArrayBuffer>): void {
  proto.rawData = raw;
  proto.floatData = [];
  proto.doubleData = [];
  proto.int32Data = [];
  proto.externalData = [];
  proto.dataLocation = TensorProto_DataLocation.DEFAULT;
}

/** The model with these values of its graph as outputs too; names it gives out already are left as they are. */
export function withOutputs(bytes: Uint8Array, names: Iterable<string>): Uint8Array {
  const model = decodeModel(bytes);
  const outputs = model.graph?.output ?? [];
  const known = new Set(outputs.map(({ name }) => name));
  for (const name of names)
    if (!known.has(name)) outputs.push(create(ValueInfoProtoSchema, { name }));
  return toBinary(ModelProtoSchema, model);
}

/** A model some of whose initializers are inputs, with their types. */
export interface OpenModel {
  readonly bytes: Uint8Array;
  readonly types: ReadonlyMap<string, "float32" | "float64">;
}

/** The model with these initializers as inputs instead; undefined where one is not a float tensor of the graph itself. */
export function initializersAsInputs(
  bytes: Uint8Array,
  names: Iterable<string>,
): OpenModel | undefined {
  const model = decodeModel(bytes);
  const { graph } = model;
  if (graph === undefined) return undefined;
  const known = new Map(graph.initializer.map((proto) => [proto.name, proto]));
  const declared = new Set(graph.input.map(({ name }) => name));
  const types = new Map<string, "float32" | "float64">();
  for (const name of names) {
    const proto = known.get(name);
    const type = proto === undefined ? undefined : typeOfNumber(proto.dataType);
    if (proto === undefined || (type !== "float32" && type !== "float64")) return undefined;
    types.set(name, type);
    if (declared.has(name)) continue;
    const dim = proto.dims.map((size) => ({ value: { case: "dimValue" as const, value: size } }));
    const tensorType = { elemType: proto.dataType, shape: { dim } };
    const value = { case: "tensorType" as const, value: tensorType };
    graph.input.push(create(ValueInfoProtoSchema, { name, type: { value } }));
  }
  graph.initializer = graph.initializer.filter(({ name }) => !types.has(name));
  return { bytes: toBinary(ModelProtoSchema, model), types };
}
