// Sparse initializers: read as the dense tensor they stand for, refused where their places make no sense.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  ModelProtoSchema,
  type SparseTensorProto,
  SparseTensorProtoSchema,
  TensorProtoSchema,
} from "onnx-buf";
import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../src/core/errors.ts";
import { decodeTensor } from "../../src/formats/onnx/onnx-tensor.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { onnxBuilder } from "../support/graphs/onnx-builder.ts";
import { freeAxes } from "../support/structure.ts";

/** x times a sparse matrix [3, 4], then a dense one. */
function model(sparse: SparseTensorProto): Uint8Array {
  const b = onnxBuilder();
  const hidden = b.node("Relu", [b.node("MatMul", [b.input("x", [2, 3]), b.weight("s", [3, 4])])]);
  b.output(b.node("MatMul", [hidden, b.weight("w", [4, 5])]));
  const proto = fromBinary(ModelProtoSchema, b.bytes());
  const { graph } = proto;
  if (graph === undefined) throw new Error("no graph");
  graph.initializer = graph.initializer.filter(({ name }) => name !== "s");
  graph.sparseInitializer.push(sparse);
  return toBinary(ModelProtoSchema, proto);
}

function sparse(
  places: readonly number[],
  placesShape: readonly number[],
  dims: readonly number[] = [3, 4],
  values: readonly number[] = [1, 2, 3],
): SparseTensorProto {
  return create(SparseTensorProtoSchema, {
    dims: dims.map(BigInt),
    values: create(TensorProtoSchema, {
      name: "s",
      dims: [BigInt(values.length)],
      dataType: 1,
      floatData: [...values],
    }),
    indices: create(TensorProtoSchema, {
      dims: placesShape.map(BigInt),
      dataType: 7,
      int64Data: places.map(BigInt),
    }),
  });
}

describe("sparse initializers", () => {
  test.for([
    ["flat places", sparse([1, 6, 8], [3])],
    ["an index along every dimension", sparse([0, 1, 1, 2, 2, 0], [3, 2])],
  ] as const)("%s give the dense tensor, which has the axes of a dense one", ([, given]) => {
    const graph = readOnnx(model(given));
    const tensor = graph.initializers.get("s");
    if (tensor === undefined) throw new Error("no tensor");
    expect([...decodeTensor(tensor)]).toEqual([0, 1, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0]);
    expect(freeAxes(inferSpec(graph).spec)).toEqual(["S_4 positive"]);
  });

  test.for([
    ["a place outside", sparse([1, 6, 12], [3]), FormatError],
    ["an index outside", sparse([0, 1, 1, 4, 2, 0], [3, 2]), FormatError],
    ["a negative place", sparse([-1, 6, 8], [3]), FormatError],
    ["a place twice", sparse([1, 1, 8], [3]), FormatError],
    ["fewer places than values", sparse([1, 6], [2]), FormatError],
    ["indices for another rank", sparse([0, 1, 0, 1, 2, 0, 2, 0, 0], [3, 3]), FormatError],
    ["dimensions of size 0", sparse([1, 6, 8], [3], [3, 0]), FormatError],
    ["a trillion entries", sparse([1, 6, 8], [3], [1e6, 1e6]), UnsupportedError],
  ] as const)("%s is refused", ([, given, type]) => {
    expect(() => readOnnx(model(given))).toThrow(type);
    expect(() => readOnnx(model(given))).toThrow(/sparse initializer "s"/);
  });
});
