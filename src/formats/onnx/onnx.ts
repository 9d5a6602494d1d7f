// Reads an ONNX file into a plain graph: names resolved, sizes checked, nodes sorted, functions, branches and loops laid
// out flat. Left out: sparse constants, training information; what remains nested is kept as the names it reads from outside.

import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, type ModelProto, type ValueInfoProto } from "onnx-buf";
import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { flattenGraph } from "./onnx-flatten.ts";
import { readNode } from "./onnx-node.ts";
import { typeOfNumber } from "./onnx-element-types.ts";
import { type OnnxTensor, readTensor } from "./onnx-tensor.ts";
import type { OnnxGraph, OnnxNode, OnnxValueType } from "./onnx-types.ts";
import type { FindBeside } from "../byte-source.ts";
import { makeDense } from "./onnx-sparse.ts";
import { refuseForeign } from "../sniff.ts";

/** Bytes of one file; its format allows no more. */
export const maxBytes = 2 ** 31;
const maxNodes = 500_000;
const maxTensors = 500_000;
const maxNesting = 64;
/** Operator sets that are read. */
export const oldestOpset = 1;
export const newestOpset = 24;

/** The protobuf message of a model. @throws {FormatError} when the bytes are not one */
export function decodeModel(bytes: Uint8Array): ModelProto {
  if (bytes.length === 0) throw new FormatError("readOnnx: the file is empty");
  if (bytes.length > maxBytes)
    throw new UnsupportedError(`readOnnx: ${bytes.length} bytes, at most ${maxBytes} in one file`);
  refuseForeign(bytes, "readOnnx: the file", "an ONNX model");
  const model = parsed(bytes);
  if (model.graph !== undefined) makeDense(model.graph);
  return model;
}

function parsed(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes, { recursionLimit: maxNesting });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FormatError(
      `readOnnx: not an ONNX model, or cut short (${reason}); export or download it again`,
    );
  }
}

/** Where {@link readOnnx} finds numbers that are not in the model's own file. */
export interface ReadOnnxOptions {
  /** Finds the files beside the model that hold its numbers, which are read tensor by tensor when they are asked for. @default none is found */
  readonly findBeside?: FindBeside;
}

/**
 * The graph of an ONNX model.
 * @throws {FormatError} for bytes that are no valid model: cut short, cyclic, names defined twice or never, sizes that disagree.
 * @throws {UnsupportedError} for valid models with unknown element types or operator sets out of range.
 */
export function readOnnx(bytes: Uint8Array, { findBeside }: ReadOnnxOptions = {}): OnnxGraph {
  return readGraph(decodeModel(bytes), findBeside);
}

function readGraph(model: ModelProto, findBeside: FindBeside | undefined): OnnxGraph {
  const { graph } = model;
  if (graph === undefined) throw new FormatError("readOnnx: the model has no graph");
  if (graph.node.length > maxNodes)
    throw new UnsupportedError(`readOnnx: ${graph.node.length} nodes, at most ${maxNodes}`);
  if (graph.initializer.length > maxTensors)
    throw new UnsupportedError(
      `readOnnx: ${graph.initializer.length} tensors, at most ${maxTensors}`,
    );
  const opset = readOpset(model);
  const flat = flattenGraph(model, graph);
  const initializers = new Map<string, OnnxTensor>();
  for (const [name, proto] of flat.tensors) {
    const tensor = readTensor(proto, `initializer "${name}"`, findBeside);
    const isInline = flat.inline.has(name);
    initializers.set(
      name,
      tensor.name === name && !isInline
        ? tensor
        : Object.freeze({ ...tensor, name, ...(isInline && { inline: true }) }),
    );
  }
  const inputs = graph.input.map(readValueType).filter(({ name }) => !initializers.has(name));
  const outputs = graph.output.map(readValueType);
  if (outputs.length === 0) throw new FormatError("readOnnx: the graph has no outputs");
  const nodes = sortNodes(
    flat.nodes.map((node, index) => readNode(node, index, findBeside)),
    initializers,
    inputs,
  );
  const known = new Set([...initializers.keys(), ...inputs.map(({ name }) => name)]);
  for (const node of nodes) for (const name of node.outputs) known.add(name);
  for (const { name } of outputs) {
    if (!known.has(name)) throw new FormatError(`readOnnx: output "${name}" is never computed`);
  }
  const declared = new Map(graph.valueInfo.map((info) => [info.name, readValueType(info)]));
  return Object.freeze({ opset, nodes, initializers, inputs, outputs, declared });
}

function readOpset(model: ModelProto): number {
  const entry = model.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx");
  if (entry === undefined) {
    const isUsed = model.graph?.node.some(({ domain }) => domain === "" || domain === "ai.onnx");
    if (isUsed !== false || model.opsetImport.length === 0)
      throw new FormatError("readOnnx: the model does not say which operator set it uses");
    return newestOpset;
  }
  const version = Number(entry.version);
  if (version < oldestOpset || version > newestOpset)
    throw new UnsupportedError(
      `readOnnx: operator set ${version}, expected ${oldestOpset} to ${newestOpset}; convert the model to one of these`,
    );
  return version;
}

function readValueType(info: ValueInfoProto): OnnxValueType {
  const value = info.type?.value;
  if (value?.case !== "tensorType") return { name: info.name, type: null, shape: null };
  const shape =
    value.value.shape?.dim.map(({ value: dim }): number | string | null => {
      if (dim.case === "dimParam") return dim.value === "" ? null : dim.value;
      if (dim.case !== "dimValue") return null;
      const size = Number(dim.value);
      if (!Number.isSafeInteger(size))
        throw new FormatError(`readOnnx: "${info.name}" declares a dimension of size ${dim.value}`);
      return size < 0 ? null : size;
    }) ?? null;
  if (shape !== null && shape.length > 16)
    throw new FormatError(
      `readOnnx: "${info.name}" declares ${shape.length} dimensions, at most 16`,
    );
  return Object.freeze({
    name: info.name,
    type: typeOfNumber(value.value.elemType) ?? null,
    shape: shape && Object.freeze(shape),
  });
}

/** Nodes in an order where every input is computed before it is used. */
function sortNodes(
  nodes: readonly OnnxNode[],
  initializers: ReadonlyMap<string, OnnxTensor>,
  inputs: readonly OnnxValueType[],
): readonly OnnxNode[] {
  const available = new Set(initializers.keys());
  for (const { name } of inputs) {
    if (name === "") throw new FormatError("readOnnx: an input has no name");
    if (available.has(name)) throw new FormatError(`readOnnx: input "${name}" is defined twice`);
    available.add(name);
  }
  if (isInOrder(nodes, available)) return Object.freeze(nodes);
  const producer = new Map<string, number>();
  for (const [index, node] of nodes.entries()) {
    for (const name of node.outputs) {
      if (name === "") continue;
      if (available.has(name) || producer.has(name))
        throw new FormatError(`readOnnx: value "${name}" is defined twice (node "${node.name}")`);
      producer.set(name, index);
    }
  }
  const waiting = nodes.map(() => 0);
  const users = nodes.map((): number[] => []);
  for (const [index, node] of nodes.entries()) {
    for (const name of [...node.inputs, ...node.captured]) {
      if (name === "" || available.has(name)) continue;
      const from = producer.get(name);
      if (from === undefined)
        throw new FormatError(
          `readOnnx: node "${node.name}" reads "${name}", which nothing defines`,
        );
      waiting[index]++;
      users[from].push(index);
    }
  }
  const ready = nodes.map((_, index) => index).filter((index) => waiting[index] === 0);
  for (let at = 0; at < ready.length; at++) {
    for (const user of users[ready[at]]) if (--waiting[user] === 0) ready.push(user);
  }
  if (ready.length < nodes.length) {
    const stuck = nodes[waiting.findIndex((count) => count > 0)];
    throw new FormatError(`readOnnx: the graph has a cycle through node "${stuck.name}"`);
  }
  return Object.freeze(ready.map((index) => nodes[index]));
}

/** Whether every value is defined once, and before any node reads it. */
function isInOrder(nodes: readonly OnnxNode[], given: ReadonlySet<string>): boolean {
  const available = new Set(given);
  const isThere = (name: string) => name === "" || available.has(name);
  for (const { inputs, captured, outputs } of nodes) {
    if (!inputs.every(isThere) || !captured.every(isThere)) return false;
    for (const name of outputs) {
      if (name === "") continue;
      if (available.has(name)) return false;
      available.add(name);
    }
  }
  return true;
}
