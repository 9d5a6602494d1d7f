// ONNX tensors: checks a TensorProto against its declared size and decodes it, on demand, to ordinary number arrays.

import type { TensorProto } from "onnx-buf";
import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { smallFloatValues } from "../../core/floats.ts";
import { formatShape, sizeOf } from "../../core/shapes.ts";
import type { FindBeside } from "../byte-source.ts";
import { bytesOfProto, outsideData, type OutsideData, readableOutside } from "./onnx-data.ts";
import { bytesPerElement, type OnnxType, typeOfNumber } from "./onnx-element-types.ts";

const maxRank = 16;
const maxEntries = 2 ** 31;

/** One stored tensor; `decodeTensor` gives its numbers. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  readonly source: TensorProto;
  /** Where the numbers lie that are not in the model file. */
  readonly outside?: OutsideData;
  /** The numbers stand in a Constant node. */
  readonly inline?: boolean;
}

/** Whether the numbers of a tensor are in the model or in a file that was found beside it. */
export const hasNumbers = ({ outside }: Pick<OnnxTensor, "outside">): boolean =>
  outside === undefined || outside.read !== undefined;

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

/**
 * A tensor whose data length agrees with its shape; `find` finds the file of numbers that are not in the model.
 * @throws {FormatError} or {UnsupportedError}
 */
export function readTensor(proto: TensorProto, where: string, find?: FindBeside): OnnxTensor {
  const type = typeOfNumber(proto.dataType);
  if (type === undefined)
    throw new UnsupportedError(`readOnnx: ${where} has element type ${proto.dataType}`);
  if (proto.segment !== undefined)
    throw new UnsupportedError(`readOnnx: ${where} is stored in segments`);
  const shape = shapeOf(proto.dims, where);
  const place = outsideData(proto, where);
  if (place !== undefined) {
    const bytes = bytesOfProto(proto, place, where);
    const outside = find === undefined ? place : readableOutside(place, find, bytes, where);
    return Object.freeze({ name: proto.name, type, shape, source: proto, outside });
  }
  const entries = sizeOf(shape);
  const raw = proto.rawData.length > 0;
  const found = raw
    ? proto.rawData.length / (bytesPerElement(proto.dataType) ?? NaN)
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

/**
 * The entries of a tensor as numbers (64-bit integers beyond 2^53 lose low bits).
 * @throws {UnsupportedError} for text, and where the numbers lie in a file that was not found; {EnvironmentError} when it cannot be read
 */
export function decodeTensor(tensor: OnnxTensor): Float32Array | Float64Array {
  return decodeFirst(tensor, sizeOf(tensor.shape));
}

/** The first entries of a tensor, at most all; of a tensor in another file no more than these are read. @throws as `decodeTensor` */
export function decodeFirst(tensor: OnnxTensor, maxCount: number): Float32Array | Float64Array {
  const { source, type, outside } = tensor;
  if (type === "string")
    throw new UnsupportedError(
      `decodeTensor: tensor "${tensor.name}" holds text, expected numbers`,
    );
  if (outside !== undefined && outside.read === undefined)
    throw new UnsupportedError(
      `decodeTensor: tensor "${tensor.name}" keeps its numbers in the file "${outside.location}", which is not there; put it into the folder of the model, or export the model as one file`,
    );
  const count = Math.min(maxCount, sizeOf(tensor.shape));
  const raw = outside?.read?.(0, count * (bytesPerElement(source.dataType) ?? 0)) ?? source.rawData;
  const values = type === "float32" ? new Float32Array(count) : new Float64Array(count);
  const isSmall = type === "float16" || type === "bfloat16";
  const small = isSmall ? smallFloatValues(type) : undefined;
  if (raw.length === 0) {
    const field = fieldOf(source, type) as ArrayLike<number | bigint>;
    for (let i = 0; i < count; i++) {
      const value = Number(field[i]);
      values[i] = small === undefined ? value : small[value & 0xffff];
    }
    return values;
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
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
