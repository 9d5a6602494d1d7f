// Writes small ONNX models from TypeScript: nodes by name, random weights from a seed.

import { create, toBinary } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProto_AttributeType as Kind,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { randomStream } from "../../../src/core/random.ts";
import { sizeOf } from "../../../src/core/shapes.ts";

/** A number is an INT, `{ float }` a FLOAT, a list INTS, text a STRING. */
export type Attributes = Readonly<
  Record<string, number | readonly number[] | string | { readonly float: number }>
>;

export interface OnnxBuilder {
  /** Declares an input; a text size is free. */
  input(name: string, shape: readonly (number | string)[], type?: "float" | "int64"): string;
  /** A random weight, standard normal over the square root of the fan-in. */
  weight(name: string, shape: readonly number[]): string;
  /** A stored tensor with these numbers. */
  tensor(name: string, shape: readonly number[], data: readonly number[]): string;
  /** An inline constant. */
  constant(data: readonly number[], type?: "float" | "int64", shape?: readonly number[]): string;
  /** A node with one output, or the names of several. */
  node(op: string, inputs: readonly string[], attributes?: Attributes, domain?: string): string;
  nodes(op: string, inputs: readonly string[], outputs: number, attributes?: Attributes): string[];
  output(name: string): void;
  bytes(): Uint8Array;
}

const float = 1;
const int64 = 7;

export function onnxBuilder(seed = 1, opset = 17): OnnxBuilder {
  const random = randomStream(seed);
  const nodes: NodeProto[] = [];
  const stored: TensorProto[] = [];
  const inputs: ValueInfoProto[] = [];
  const outputs: ValueInfoProto[] = [];
  let count = 0;
  const fresh = (op: string) => `${op}_${count++}`;
  const tensorProto = (
    name: string,
    shape: readonly number[],
    data: readonly number[],
    dataType: number,
  ) =>
    create(TensorProtoSchema, {
      name,
      dims: shape.map(BigInt),
      dataType,
      rawData:
        dataType === float
          ? new Uint8Array(Float32Array.from(data).buffer)
          : new Uint8Array(BigInt64Array.from(data, BigInt).buffer),
    });
  const valueInfo = (name: string, elemType: number, shape: readonly (number | string)[] | null) =>
    create(ValueInfoProtoSchema, {
      name,
      type: create(TypeProtoSchema, {
        value: {
          case: "tensorType",
          value: create(TypeProto_TensorSchema, {
            elemType,
            ...(shape && {
              shape: create(TensorShapeProtoSchema, {
                dim: shape.map((size) =>
                  create(TensorShapeProto_DimensionSchema, {
                    value:
                      typeof size === "number"
                        ? { case: "dimValue", value: BigInt(size) }
                        : { case: "dimParam", value: size },
                  }),
                ),
              }),
            }),
          }),
        },
      }),
    });
  const add = (
    op: string,
    ins: readonly string[],
    outs: readonly string[],
    attributes: Attributes,
    domain: string,
  ) => {
    const attribute = Object.entries(attributes).map(([name, value]) =>
      attributeProto(name, value),
    );
    nodes.push(
      create(NodeProtoSchema, {
        name: `/${outs[0]}`,
        opType: op,
        domain,
        input: [...ins],
        output: [...outs],
        attribute,
      }),
    );
  };
  const builder: OnnxBuilder = {
    input(name, shape, type = "float") {
      inputs.push(valueInfo(name, type === "float" ? float : int64, shape));
      return name;
    },
    weight(name, shape) {
      const fan = Math.max(1, sizeOf(shape) / Math.max(...shape, 1));
      return builder.tensor(
        name,
        shape,
        Array.from({ length: sizeOf(shape) }, () => random.normal() / Math.sqrt(fan)),
      );
    },
    tensor(name, shape, data) {
      stored.push(tensorProto(name, shape, data, float));
      return name;
    },
    constant(data, type = "int64", shape = [data.length]) {
      const name = fresh("Constant");
      const t = tensorProto("", shape, data, type === "float" ? float : int64);
      const attribute = [create(AttributeProtoSchema, { name: "value", type: Kind.TENSOR, t })];
      nodes.push(
        create(NodeProtoSchema, {
          name: `/${name}`,
          opType: "Constant",
          output: [name],
          attribute,
        }),
      );
      return name;
    },
    node(op, ins, attributes = {}, domain = "") {
      const name = fresh(op);
      add(op, ins, [name], attributes, domain);
      return name;
    },
    nodes(op, ins, many, attributes = {}) {
      const names = Array.from({ length: many }, () => fresh(op));
      add(op, ins, names, attributes, "");
      return names;
    },
    output(name) {
      outputs.push(valueInfo(name, float, null));
    },
    bytes() {
      return toBinary(
        ModelProtoSchema,
        create(ModelProtoSchema, {
          irVersion: 8n,
          opsetImport: [
            create(OperatorSetIdProtoSchema, { domain: "", version: BigInt(opset) }),
            create(OperatorSetIdProtoSchema, { domain: "com.microsoft", version: 1n }),
          ],
          graph: create(GraphProtoSchema, {
            name: "graph",
            node: nodes,
            initializer: stored,
            input: inputs,
            output: outputs,
          }),
        }),
      );
    },
  };
  return builder;
}

function attributeProto(name: string, value: Attributes[string]): AttributeProto {
  if (typeof value === "number")
    return create(AttributeProtoSchema, { name, type: Kind.INT, i: BigInt(value) });
  if (typeof value === "string")
    return create(AttributeProtoSchema, {
      name,
      type: Kind.STRING,
      s: new Uint8Array(new TextEncoder().encode(value)),
    });
  if ("float" in value)
    return create(AttributeProtoSchema, { name, type: Kind.FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: Kind.INTS, ints: value.map(BigInt) });
}
