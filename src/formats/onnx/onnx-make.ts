// Parts of an ONNX graph made in memory, for front ends that have no file: tensors with or without numbers, and nodes.

import { create } from "@bufbuild/protobuf";
import { TensorProtoSchema } from "onnx-buf";
import type { OnnxTensor } from "./onnx-tensor.ts";
import type { OnnxAttribute, OnnxNode } from "./onnx-types.ts";

const floatType = 1;
const integerType = 7;

/** A float32 tensor of which only the shape is known: every entry decodes to NaN. */
export function shapeOnlyTensor(name: string, shape: readonly number[]): OnnxTensor {
  const source = create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType: floatType });
  return Object.freeze({ name, type: "float32", shape: Object.freeze([...shape]), source });
}

/** A tensor with these numbers: 64-bit integers or float32. */
export function numberTensor(
  name: string,
  shape: readonly number[],
  data: ArrayLike<number>,
  integer: boolean,
): OnnxTensor {
  const raw = integer
    ? BigInt64Array.from(Array.from(data), (x) => BigInt(Math.trunc(x)))
    : Float32Array.from(data);
  const source = create(TensorProtoSchema, {
    name,
    dims: shape.map(BigInt),
    dataType: integer ? integerType : floatType,
    rawData: new Uint8Array(raw.buffer),
  });
  const type = integer ? "int64" : "float32";
  return Object.freeze({ name, type, shape: Object.freeze([...shape]), source });
}

/** What an attribute may be given as: a number, a list of numbers, text or a tensor. */
export type AttributeValue = number | readonly number[] | string | OnnxTensor;

/** A node of the standard domain, or of another one. */
export function makeNode(
  name: string,
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  domain = "",
): OnnxNode {
  const entries = Object.entries(attributes).map(
    ([key, value]) => [key, attribute(value)] as const,
  );
  return Object.freeze({
    name,
    op,
    domain,
    inputs: Object.freeze([...inputs]),
    outputs: Object.freeze([...outputs]),
    attributes: new Map(entries),
    captured: Object.freeze([]),
  });
}

function attribute(value: AttributeValue): OnnxAttribute {
  if (typeof value === "number") return Object.freeze({ kind: "number", value });
  if (typeof value === "string") return Object.freeze({ kind: "text", value });
  if ("source" in value) return Object.freeze({ kind: "tensor", value });
  return Object.freeze({ kind: "numbers", value: Object.freeze([...value]) });
}
