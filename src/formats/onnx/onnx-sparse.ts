// Sparse initializers as dense tensors: values with their places, by flat position or by index along every dimension.

import { create } from "@bufbuild/protobuf";
import {
  type GraphProto,
  type SparseTensorProto,
  type TensorProto,
  TensorProtoSchema,
} from "onnx-buf";
import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { formatShape, sizeOf, stridesOf } from "../../core/shapes.ts";
import { decodeTensor, readTensor } from "./onnx-tensor.ts";

/** Entries of all sparse tensors of a model, once they are dense. */
const maxEntries = 2 ** 26;

/**
 * Puts the sparse initializers of a graph among the others, dense.
 * @throws {FormatError} for places outside of a tensor or twice the same; {UnsupportedError} beyond the limit, and for other
 * types than float32 and float64
 */
export function makeDense(graph: GraphProto): void {
  let left = maxEntries;
  for (const sparse of graph.sparseInitializer) {
    const dense = denseOf(sparse, left);
    left -= sizeOf(dense.dims.map(Number));
    graph.initializer.push(dense);
  }
  graph.sparseInitializer = [];
}

function denseOf({ values, indices, dims }: SparseTensorProto, limit: number): TensorProto {
  const name = values?.name ?? "";
  const where = `sparse initializer "${name}"`;
  if (values === undefined || indices === undefined || name === "")
    throw new FormatError(`readOnnx: ${where} has no values, no places or no name`);
  const shape = dims.map(Number);
  if (!shape.every((size) => Number.isSafeInteger(size) && size > 0))
    throw new FormatError(`readOnnx: ${where} has shape ${formatShape(shape)}`);
  const entries = sizeOf(shape);
  if (entries > limit)
    throw new UnsupportedError(
      `readOnnx: ${where} would have ${entries} entries, and all sparse tensors of a model at most ${maxEntries}; store it densely`,
    );
  const numbers = readTensor(values, where);
  const places = readTensor(indices, `the places of ${where}`);
  if (numbers.type !== "float32" && numbers.type !== "float64")
    throw new UnsupportedError(
      `readOnnx: ${where} holds ${numbers.type}, expected float32 or float64; store it densely`,
    );
  const data = decodeTensor(numbers);
  const flat = flatPlaces(decodeTensor(places), places.shape, shape, data.length, where);
  const dense = numbers.type === "float32" ? new Float32Array(entries) : new Float64Array(entries);
  const seen = new Set<number>();
  for (const [i, at] of flat.entries()) {
    if (seen.has(at)) throw new FormatError(`readOnnx: ${where} has two values at place ${at}`);
    seen.add(at);
    dense[at] = data[i];
  }
  const rawData = new Uint8Array(dense.buffer);
  return create(TensorProtoSchema, { name, dims: [...dims], dataType: values.dataType, rawData });
}

/** Flat positions of `count` values. @throws {FormatError} */
function flatPlaces(
  places: ArrayLike<number>,
  placesShape: readonly number[],
  shape: readonly number[],
  count: number,
  where: string,
): number[] {
  const byIndex = placesShape.length === 2 && placesShape[1] === shape.length;
  const [found = 0] = placesShape;
  if (found !== count || !(byIndex || placesShape.length === 1))
    throw new FormatError(
      `readOnnx: ${where} has ${count} values and places of shape ${formatShape(placesShape)}`,
    );
  const strides = byIndex ? stridesOf(shape) : [1];
  const sizes = byIndex ? shape : [sizeOf(shape)];
  return Array.from({ length: count }, (_, i) =>
    strides.reduce((flat, stride, dim) => {
      const at = places[i * strides.length + dim];
      if (!(at >= 0 && at < sizes[dim]))
        throw new FormatError(`readOnnx: ${where} has a value at ${at} of ${sizes[dim]} entries`);
      return flat + at * stride;
    }, 0),
  );
}
