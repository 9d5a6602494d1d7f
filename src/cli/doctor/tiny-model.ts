// The smallest model with a symmetry that can be proved: two matrix products with a ReLU between them.

import { create, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";

const float = 1;

const tensor = (name: string, shape: readonly number[], numbers: readonly number[]) => ({
  name,
  dims: shape.map(BigInt),
  dataType: float,
  rawData: new Uint8Array(Float32Array.from(numbers).buffer),
});

const value = (name: string, shape: readonly number[]) => ({
  name,
  type: {
    value: {
      case: "tensorType" as const,
      value: {
        elemType: float,
        shape: {
          dim: shape.map((size) => ({
            value: { case: "dimValue" as const, value: BigInt(size) },
          })),
        },
      },
    },
  },
});

const node = (opType: string, input: string[], output: string) => ({
  name: output,
  opType,
  input,
  output: [output],
});

/** The bytes of an ONNX model from 2 inputs over 3 units, which may be permuted and scaled, to 1 output. */
export function tinyModel(): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: "", version: 17n }],
    graph: {
      name: "tiny",
      input: [value("x", [4, 2])],
      output: [value("y", [4, 1])],
      initializer: [
        tensor("in.weight", [2, 3], [0.5, -1, 0.25, 1, 0.75, -0.5]),
        tensor("out.weight", [3, 1], [1, -0.5, 2]),
      ],
      node: [
        node("MatMul", ["x", "in.weight"], "h"),
        node("Relu", ["h"], "r"),
        node("MatMul", ["r", "out.weight"], "y"),
      ],
    },
  });
  return toBinary(ModelProtoSchema, model);
}
