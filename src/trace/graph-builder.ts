// Collects the nodes, constants and weights of the graph that a traced program becomes.

import {
  type AttributeValue,
  makeNode,
  numberTensor,
  shapeOnlyTensor,
} from "../formats/onnx/onnx-make.ts";
import type { OnnxTensor } from "../formats/onnx/onnx-tensor.ts";
import type { OnnxGraph, OnnxNode, OnnxValueType } from "../formats/onnx/onnx-types.ts";
import { isFloat, type TracedType } from "./program.ts";

export type Attributes = Readonly<Record<string, AttributeValue>>;

export interface GraphBuilder {
  /** A node with one output; the value's name. `label` names it in messages. */
  node(op: string, inputs: readonly string[], attributes?: Attributes): string;
  nodes(op: string, inputs: readonly string[], outputs: number, attributes?: Attributes): string[];
  /** A node that inference does not know: what it touches is fixed, its outputs have these types. */
  unknown(op: string, inputs: readonly string[], types: readonly TracedType[]): string[];
  constant(data: ArrayLike<number>, shape: readonly number[], integer: boolean): string;
  weight(name: string, shape: readonly number[]): string;
  input(name: string, type: TracedType): string;
  /** The finished graph. */
  graph(outputs: readonly string[]): OnnxGraph;
}

/** Operators of this library's own array engine that have no counterpart among the standard ones. */
export const engineDomain = "jax";
const opset = 18;

export function graphBuilder(reserved: Iterable<string>): GraphBuilder {
  const taken = new Set(reserved);
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  const inputs: OnnxValueType[] = [];
  const declared = new Map<string, OnnxValueType>();
  let count = 0;
  const fresh = (): string => {
    const name = `%${count++}`;
    return taken.has(name) ? fresh() : name;
  };
  const typed = (name: string, { shape, dtype }: TracedType): OnnxValueType =>
    Object.freeze({
      name,
      type: isFloat(dtype) ? "float32" : "int64",
      shape: Object.freeze([...shape]),
    });
  const add = (
    op: string,
    from: readonly string[],
    many: number,
    attributes: Attributes = {},
    domain = "",
  ): string[] => {
    const outputs = Array.from({ length: many }, fresh);
    nodes.push(makeNode(`${op}#${nodes.length}`, op, from, outputs, attributes, domain));
    return outputs;
  };
  return {
    node: (op, from, attributes) => add(op, from, 1, attributes)[0],
    nodes: add,
    unknown(op, from, types) {
      const outputs = add(op, from, types.length, {}, engineDomain);
      for (const [i, name] of outputs.entries()) declared.set(name, typed(name, types[i]));
      return outputs;
    },
    constant: (data, shape, integer) =>
      add("Constant", [], 1, { value: numberTensor("", shape, data, integer) })[0],
    weight(name, shape) {
      initializers.set(name, shapeOnlyTensor(name, shape));
      // Inference takes a tensor of one entry for a constant; its number is not known here and must not be folded.
      const single = shape.every((size) => size <= 1);
      return single ? add("Dropout", [name], 1)[0] : name;
    },
    input(name, type) {
      inputs.push(typed(name, type));
      return name;
    },
    graph: (outputs) =>
      Object.freeze({
        opset,
        nodes: Object.freeze(needed(nodes, outputs)),
        initializers,
        inputs: Object.freeze(inputs),
        outputs: Object.freeze(outputs.map((name) => ({ name, type: null, shape: null }))),
        declared,
      }),
  };
}

/** The nodes that lead to the outputs: a recognised pattern leaves its parts behind, and they say nothing any more. */
function needed(nodes: readonly OnnxNode[], outputs: readonly string[]): OnnxNode[] {
  const wanted = new Set(outputs);
  const kept: OnnxNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue;
    for (const name of node.inputs) wanted.add(name);
    kept.push(node);
  }
  return kept.toReversed();
}
