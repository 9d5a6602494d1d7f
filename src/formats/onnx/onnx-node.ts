// One node of an ONNX graph: its attributes as plain values, and the names its nested graphs read from outside.

import { type AttributeProto, AttributeProto_AttributeType, type GraphProto } from "onnx-buf";
import { FormatError } from "../../core/errors.ts";
import type { FindBeside } from "../byte-source.ts";
import type { FlatNode } from "./onnx-flatten.ts";
import { readTensor } from "./onnx-tensor.ts";
import type { OnnxAttribute, OnnxNode } from "./onnx-types.ts";

const maxListLength = 1_000_000;
const decoder = new TextDecoder();
const Kind = AttributeProto_AttributeType;

export function readNode(
  { proto, guards, rename }: FlatNode,
  index: number,
  findBeside?: FindBeside,
): OnnxNode {
  const name = proto.name === "" ? `${proto.opType}#${index}` : proto.name;
  if (proto.opType === "") throw new FormatError(`readOnnx: node ${index} has no operator`);
  const attributes = new Map<string, OnnxAttribute>();
  for (const attribute of proto.attribute) {
    if (attributes.has(attribute.name))
      throw new FormatError(`readOnnx: node "${name}" sets "${attribute.name}" twice`);
    attributes.set(attribute.name, Object.freeze(readAttribute(attribute, name, findBeside)));
  }
  const captured = new Set<string>();
  for (const { g, graphs } of proto.attribute) {
    for (const graph of g === undefined ? graphs : [g, ...graphs]) outsideNames(graph, captured);
  }
  const read = [...captured].filter((value) => value !== "").map(rename);
  return Object.freeze({
    name,
    op: proto.opType,
    domain: proto.domain === "ai.onnx" ? "" : proto.domain,
    inputs: Object.freeze([...proto.input]),
    outputs: Object.freeze([...proto.output]),
    attributes,
    captured: Object.freeze([...new Set([...read, ...guards.map(({ condition }) => condition)])]),
    ...(guards.length > 0 && { guards }),
  });
}

function readAttribute(
  attribute: AttributeProto,
  node: string,
  findBeside: FindBeside | undefined,
): OnnxAttribute {
  const where = `attribute "${attribute.name}" of node "${node}"`;
  const length = Math.max(attribute.ints.length, attribute.floats.length, attribute.strings.length);
  if (length > maxListLength)
    throw new FormatError(`readOnnx: ${where} lists ${length} entries, at most ${maxListLength}`);
  switch (attribute.type) {
    case Kind.FLOAT:
      return { kind: "number", value: attribute.f };
    case Kind.INT:
      return { kind: "number", value: Number(attribute.i) };
    case Kind.STRING:
      return { kind: "text", value: decoder.decode(attribute.s) };
    case Kind.TENSOR:
      if (attribute.t === undefined) throw new FormatError(`readOnnx: ${where} has no tensor`);
      return { kind: "tensor", value: readTensor(attribute.t, where, findBeside) };
    case Kind.FLOATS:
      return { kind: "numbers", value: Object.freeze([...attribute.floats]) };
    case Kind.INTS:
      return { kind: "numbers", value: Object.freeze(attribute.ints.map(Number)) };
    case Kind.STRINGS:
      return {
        kind: "texts",
        value: Object.freeze(attribute.strings.map((text) => decoder.decode(text))),
      };
    default:
      return { kind: "other", value: Kind[attribute.type] ?? `type ${attribute.type}` };
  }
}

/** Adds every name that a nested graph (or a graph nested in it) reads; its own names do no harm. */
function outsideNames(graph: GraphProto, names: Set<string>): void {
  const defined = new Set([
    ...graph.input.map(({ name }) => name),
    ...graph.initializer.map(({ name }) => name),
    ...graph.node.flatMap(({ output }) => output),
  ]);
  const read = new Set<string>(graph.output.map(({ name }) => name));
  for (const node of graph.node) {
    for (const name of node.input) read.add(name);
    for (const { g, graphs } of node.attribute) {
      for (const inner of g === undefined ? graphs : [g, ...graphs]) outsideNames(inner, read);
    }
  }
  for (const name of read) if (!defined.has(name)) names.add(name);
}
