// Writes an ONNX file again with other numbers in its initializers, or with inner values given out; everything else stays.

import { create, toBinary } from "@bufbuild/protobuf";
import {
  ModelProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { ShapeError, UnsupportedError } from "../core/errors.ts";
import { formatShape, sizeOf } from "../core/shapes.ts";
import type { Weights } from "../core/tensors.ts";
import { flattenGraph } from "./onnx-flatten.ts";
import { decodeModel } from "./onnx.ts";
import { fromHalf, type OnnxType, typeOfNumber } from "./onnx-tensor.ts";

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
  const type = typeOfNumber(proto.dataType);
  const width = type === "float32" ? 4 : type === "float64" ? 8 : 2;
  if (type === "float32" && littleEndian) {
    setRaw(proto, new Uint8Array(Float32Array.from(data).buffer));
    return;
  }
  const integers = type === undefined ? undefined : integerArrays.get(type);
  if (integers !== undefined) {
    if (!integers.from(data).every((x, i) => x === data[i]))
      throw new ShapeError(`replaceInitializers: "${proto.name}" holds ${type}, got other numbers`);
    setRaw(proto, new Uint8Array(integers.from(data).buffer));
    return;
  }
  const raw = new Uint8Array(data.length * width);
  const view = new DataView(raw.buffer);
  for (let i = 0; i < data.length; i++) {
    if (type === "float32") view.setFloat32(4 * i, data[i], true);
    else if (type === "float64") view.setFloat64(8 * i, data[i], true);
    else if (type === "float16") view.setUint16(2 * i, toHalf(data[i]), true);
    else if (type === "bfloat16") view.setUint16(2 * i, toBrain(data[i]), true);
    else
      throw new UnsupportedError(
        `replaceInitializers: "${proto.name}" holds ${type ?? "numbers of an unknown type"}, which is not written`,
      );
  }
  setRaw(proto, raw);
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

const scratch = new DataView(new ArrayBuffer(4));

function toBrain(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  return Number.isNaN(value) ? 0x7fc0 : ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** Nearest float16 bit pattern, found by bisection over the ordered patterns of one sign. */
function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  if (Number.isNaN(value)) return 0x7e00;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  let low = 0;
  let high = 0x7bff;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (fromHalf(middle) <= size) low = middle;
    else high = middle - 1;
  }
  const next = low + 1;
  const down = size - fromHalf(low);
  const up = fromHalf(next) - size;
  return sign | (up < down || (up === down && next % 2 === 0) ? next : low);
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
