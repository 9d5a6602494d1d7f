// ONNX tensors: checks a TensorProto against its declared size and decodes it, on demand, to ordinary number arrays.

import type { TensorProto } from "onnx-buf";
import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { smallFloatValues } from "../../core/floats.ts";
import { formatShape, sizeOf } from "../../core/shapes.ts";
import { bytesOfProto, outsideData, type OutsideData } from "./onnx-data.ts";

/** Named element types; only those this version can read. */
export type OnnxType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "bool"
  | "string";

/** Element types by their number in the format, with bytes per entry (0: no raw form). */
const types = new Map<number, readonly [OnnxType, number]>([
  [1, ["float32", 4]],
  [2, ["uint8", 1]],
  [3, ["int8", 1]],
  [4, ["uint16", 2]],
  [5, ["int16", 2]],
  [6, ["int32", 4]],
  [7, ["int64", 8]],
  [8, ["string", 0]],
  [9, ["bool", 1]],
  [10, ["float16", 2]],
  [11, ["float64", 8]],
  [12, ["uint32", 4]],
  [13, ["uint64", 8]],
  [16, ["bfloat16", 2]],
]);

const maxRank = 16;
const maxEntries = 2 ** 31;

/** One stored tensor; `decodeTensor` gives its numbers. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  readonly source: TensorProto;
  /** Where the numbers lie that are not in the model file; `embedData` brings them in. */
  readonly outside?: OutsideData;
  /** The numbers stand in a Constant node. */
  readonly inline?: boolean;
}

export const isFloatType = (type: OnnxType): boolean =>
  type === "float32" || type === "float64" || type === "float16" || type === "bfloat16";

/** Name of an element type number, or undefined for one this version does not know. */
export function typeOfNumber(dataType: number): OnnxType | undefined {
  return types.get(dataType)?.[0];
}

/** Whole numbers from 64-bit fields; `where` names the place in errors. @throws {FormatError} */
function shapeOf(dims: readonly bigint[], where: string): readonly number[] {
  if (dims.length > maxRank)
    throw new FormatError(`readOnnx: ${where} has ${dims.length} dimensions, at most ${maxRank}`);
  const shape = dims.map(Number);
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0)
      throw new FormatError(
        `readOnnx: ${where} has a dimension of size ${size}, expected 0 or more`,
      );
  }
  if (sizeOf(shape) > maxEntries)
    throw new FormatError(
      `readOnnx: ${where} declares shape ${formatShape(shape)}, more than ${maxEntries} entries`,
    );
  return Object.freeze(shape);
}

/** A tensor whose data length agrees with its shape. @throws {FormatError} or {UnsupportedError} */
export function readTensor(proto: TensorProto, where: string): OnnxTensor {
  const known = types.get(proto.dataType);
  if (known === undefined)
    throw new UnsupportedError(`readOnnx: ${where} has element type ${proto.dataType}`);
  const [type, width] = known;
  if (proto.segment !== undefined)
    throw new UnsupportedError(`readOnnx: ${where} is stored in segments`);
  const shape = shapeOf(proto.dims, where);
  const outside = outsideData(proto, where);
  if (outside !== undefined) {
    bytesOfProto(proto, outside, where);
    return Object.freeze({ name: proto.name, type, shape, source: proto, outside });
  }
  const entries = sizeOf(shape);
  const raw = proto.rawData.length > 0;
  const found = raw
    ? width === 0
      ? -1
      : proto.rawData.length / width
    : fieldOf(proto, type).length;
  if (found !== entries)
    throw new FormatError(
      `readOnnx: ${where} has shape ${formatShape(shape)} (${entries} entries) but holds data for ${found}`,
    );
  return Object.freeze({ name: proto.name, type, shape, source: proto });
}

function fieldOf(proto: TensorProto, type: OnnxType): ArrayLike<number | bigint | Uint8Array> {
  switch (type) {
    case "float32":
      return proto.floatData;
    case "float64":
      return proto.doubleData;
    case "int64":
      return proto.int64Data;
    case "uint32":
    case "uint64":
      return proto.uint64Data;
    case "string":
      return proto.stringData;
    default:
      return proto.int32Data;
  }
}

/** The entries of a tensor as numbers (64-bit integers beyond 2^53 lose low bits). @throws {UnsupportedError} for strings, and where the numbers lie in another file */
export function decodeTensor(tensor: OnnxTensor): Float32Array | Float64Array {
  const { source, type } = tensor;
  if (type === "string")
    throw new UnsupportedError(
      `decodeTensor: tensor "${tensor.name}" holds text, expected numbers`,
    );
  if (tensor.outside !== undefined)
    throw new UnsupportedError(
      `decodeTensor: tensor "${tensor.name}" keeps its numbers in the file "${tensor.outside.location}", which is not there; put it into the folder of the model, or export the model as one file`,
    );
  const count = sizeOf(tensor.shape);
  const values = type === "float32" ? new Float32Array(count) : new Float64Array(count);
  const isSmall = type === "float16" || type === "bfloat16";
  const small = isSmall ? smallFloatValues(type) : undefined;
  if (source.rawData.length === 0) {
    const field = fieldOf(source, type) as ArrayLike<number | bigint>;
    for (let i = 0; i < count; i++) {
      const value = Number(field[i]);
      values[i] = small === undefined ? value : small[value & 0xffff];
    }
    return values;
  }
  const { buffer, byteOffset, byteLength } = source.rawData;
  const view = new DataView(buffer, byteOffset, byteLength);
  const read = isSmall ? codeReader(smallFloatValues(type)) : readers[type];
  for (let i = 0; i < count; i++) values[i] = read(view, i);
  return values;
}

type Reader = (view: DataView, i: number) => number;

/** Reads 16-bit codes and looks their values up. */
const codeReader =
  (values: Float32Array): Reader =>
  (view, i) =>
    values[view.getUint16(2 * i, true)];

const readers: Record<Exclude<OnnxType, "string" | "float16" | "bfloat16">, Reader> = {
  float32: (view, i) => view.getFloat32(4 * i, true),
  float64: (view, i) => view.getFloat64(8 * i, true),
  int8: (view, i) => view.getInt8(i),
  int16: (view, i) => view.getInt16(2 * i, true),
  int32: (view, i) => view.getInt32(4 * i, true),
  int64: (view, i) => Number(view.getBigInt64(8 * i, true)),
  uint8: (view, i) => view.getUint8(i),
  uint16: (view, i) => view.getUint16(2 * i, true),
  uint32: (view, i) => view.getUint32(4 * i, true),
  uint64: (view, i) => Number(view.getBigUint64(8 * i, true)),
  bool: (view, i) => view.getUint8(i),
};
