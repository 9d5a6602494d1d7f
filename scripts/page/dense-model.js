// An ONNX model of dense layers, of any size, to measure the page with.

import { create, toBinary } from "@bufbuild/protobuf";
import {
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { randomStream } from "weightspace";

const float = 1;

function value(name, shape) {
  const dim = shape.map((size) =>
    create(TensorShapeProto_DimensionSchema, { value: { case: "dimValue", value: BigInt(size) } }),
  );
  const tensor = create(TypeProto_TensorSchema, {
    elemType: float,
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  const type = create(TypeProtoSchema, { value: { case: "tensorType", value: tensor } });
  return create(ValueInfoProtoSchema, { name, type });
}

/** The bytes of a model with these layer sizes, and an operator between them. */
export function denseModel(sizes, seed, activation = "Relu") {
  const random = randomStream(seed);
  const stored = (name, dims) => {
    const size = dims.reduce((a, b) => a * b, 1);
    const scale = Math.sqrt(2 / (dims[1] ?? 1));
    const data = Float32Array.from({ length: size }, () => scale * random.normal());
    return create(TensorProtoSchema, {
      name,
      dims: dims.map(BigInt),
      dataType: float,
      rawData: new Uint8Array(data.buffer),
    });
  };
  const node = [];
  const initializer = [];
  let last = "x";
  for (let i = 1; i < sizes.length; i++) {
    initializer.push(stored(`w${i}`, [sizes[i - 1], sizes[i]]), stored(`b${i}`, [sizes[i]]));
    const add = (opType, input, output) =>
      node.push(create(NodeProtoSchema, { name: output, opType, input, output: [output] }));
    add("MatMul", [last, `w${i}`], `m${i}`);
    add("Add", [`m${i}`, `b${i}`], `a${i}`);
    last = `a${i}`;
    if (i === sizes.length - 1) continue;
    add(activation, [last], `r${i}`);
    last = `r${i}`;
  }
  const graph = create(GraphProtoSchema, {
    name: "dense",
    node,
    initializer,
    input: [value("x", [1, sizes[0]])],
    output: [value(last, [1, sizes[sizes.length - 1]])],
  });
  const opsetImport = [create(OperatorSetIdProtoSchema, { domain: "", version: 17n })];
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { irVersion: 8n, graph, opsetImport }),
  );
}
