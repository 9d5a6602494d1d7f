// Questions about a graph that are answered before the walk: who makes a value, who reads it, which constants hold one entry.

import { sizeOf } from "../../core/shapes.ts";
import { decodeTensor, type OnnxTensor } from "../../formats/onnx/onnx-tensor.ts";
import type { OnnxGraph, OnnxNode } from "../../formats/onnx/onnx-types.ts";

/** Inline constants with one entry by name, wherever they stand in the file. */
export function singleConstants(graph: OnnxGraph): Map<string, number> {
  const singles = new Map<string, number>();
  for (const { op, attributes, outputs } of graph.nodes) {
    if (op !== "Constant") continue;
    const value =
      attributes.get("value") ?? attributes.get("value_int") ?? attributes.get("value_ints");
    if (value?.kind === "number") singles.set(outputs[0], value.value);
    else if (value?.kind === "numbers" && value.value.length === 1)
      singles.set(outputs[0], value.value[0]);
    else if (value?.kind === "tensor" && isSingle(value.value))
      singles.set(outputs[0], decodeTensor(value.value)[0]);
  }
  return singles;
}

const isSingle = (tensor: OnnxTensor): boolean =>
  tensor.type !== "string" && sizeOf(tensor.shape) === 1;

/** Nodes that read a value, and the caller of the model for its outputs. */
export function readersOf(graph: OnnxGraph): Map<string, OnnxNode[]> {
  const readers = new Map<string, OnnxNode[]>();
  for (const node of graph.nodes) {
    for (const name of [...node.inputs, ...node.captured]) {
      if (name === "") continue;
      const known = readers.get(name);
      if (known === undefined) readers.set(name, [node]);
      else known.push(node);
    }
  }
  for (const { name } of graph.outputs)
    readers.set(name, [...(readers.get(name) ?? []), outputReader]);
  return readers;
}

/** The node that makes a value, by the value's name; what a node does not make is not there. */
export const producersOf = ({ nodes }: OnnxGraph): Map<string, OnnxNode> =>
  new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node])));

/** Stands for the caller of the model, who reads its outputs. */
const outputReader: OnnxNode = {
  name: "output",
  op: "output",
  domain: "caller",
  inputs: [],
  outputs: [],
  attributes: new Map(),
  captured: [],
};
