// An in-memory graph as the bytes of an ONNX file, with these numbers in its weights: so that a runtime can run it.

import { create, toBinary } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProto_AttributeType as Kind,
  AttributeProtoSchema,
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
import type { Weights } from "../../../src/core/tensors.ts";
import type {
  OnnxAttribute,
  OnnxGraph,
  OnnxValueType,
} from "../../../src/formats/onnx/onnx-types.ts";

/** Attributes that the format stores as FLOAT although their value may be whole. */
const floats = new Set(["alpha"]);

function attribute(name: string, given: OnnxAttribute): AttributeProto {
  switch (given.kind) {
    case "number":
      return floats.has(name)
        ? create(AttributeProtoSchema, { name, type: Kind.FLOAT, f: given.value })
        : create(AttributeProtoSchema, { name, type: Kind.INT, i: BigInt(given.value) });
    case "numbers":
      return create(AttributeProtoSchema, { name, type: Kind.INTS, ints: given.value.map(BigInt) });
    case "text": {
      const s = new Uint8Array(new TextEncoder().encode(given.value));
      return create(AttributeProtoSchema, { name, type: Kind.STRING, s });
    }
    case "tensor":
      return create(AttributeProtoSchema, { name, type: Kind.TENSOR, t: given.value.source });
    default:
      throw new Error(`attribute "${name}" of kind ${given.kind}`);
  }
}

function valueInfo({ name, type, shape }: OnnxValueType) {
  const dim = (shape ?? []).map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value: { case: "dimValue", value: BigInt(size ?? 0) },
    }),
  );
  const value = create(TypeProto_TensorSchema, {
    elemType: type === "int64" ? 7 : 1,
    ...(shape && { shape: create(TensorShapeProtoSchema, { dim }) }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: "tensorType", value } }),
  });
}

export function graphBytes(graph: OnnxGraph, weights: Weights): Uint8Array {
  const node = graph.nodes.map(({ name, op, domain, inputs, outputs, attributes }) =>
    create(NodeProtoSchema, {
      name,
      opType: op,
      domain,
      input: [...inputs],
      output: [...outputs],
      attribute: [...attributes].map(([key, value]) => attribute(key, value)),
    }),
  );
  const initializer = [...graph.initializers.values()].map(({ name, shape }) =>
    create(TensorProtoSchema, {
      name,
      dims: shape.map(BigInt),
      dataType: 1,
      rawData: new Uint8Array(Float32Array.from(weights[name].data).buffer),
    }),
  );
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [create(OperatorSetIdProtoSchema, { domain: "", version: BigInt(graph.opset) })],
      graph: create(GraphProtoSchema, {
        name: "graph",
        node,
        initializer,
        input: graph.inputs.map(valueInfo),
        output: graph.outputs.map(valueInfo),
      }),
    }),
  );
}
