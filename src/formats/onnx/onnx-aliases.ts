// Undoes what exporters do to equal tensors: a second tensor with the same numbers is dropped and its readers get the
// first one through an Identity node, which would look like weight tying.

import { isFloatType } from "./onnx-element-types.ts";
import { type OnnxTensor } from "./onnx-tensor.ts";
import type { OnnxGraph, OnnxNode } from "./onnx-types.ts";

export interface Separated {
  readonly graph: OnnxGraph;
  /** Tensor that the file computes by Identity -> the stored tensor it equals. */
  readonly aliases: ReadonlyMap<string, string>;
}

/** The graph with every Identity of a shared float initializer turned into an initializer under its own name. */
export function separateAliases(graph: OnnxGraph): Separated {
  const isCopy = ({ op, inputs }: OnnxNode) =>
    op === "Identity" && graph.initializers.has(inputs[0]);
  if (!graph.nodes.some(isCopy)) return { graph, aliases: new Map() };
  const uses = new Map<string, number>();
  for (const node of graph.nodes) {
    for (const name of [...node.inputs, ...node.captured])
      uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const initializers = new Map<string, OnnxTensor>(graph.initializers);
  const aliases = new Map<string, string>();
  const nodes = graph.nodes.filter((node) => {
    const [from] = node.inputs;
    const [to] = node.outputs;
    if (
      node.op !== "Identity" ||
      node.domain !== "" ||
      node.inputs.length !== 1 ||
      node.outputs.length !== 1
    )
      return true;
    const source = initializers.get(from);
    const original = aliases.get(from) ?? from;
    if (source === undefined || !isFloatType(source.type) || outputs.has(to)) return true;
    if ((uses.get(original) ?? 0) < 2 && original === from) return true;
    initializers.set(to, Object.freeze({ ...source, name: to }));
    aliases.set(to, original);
    return false;
  });
  if (aliases.size === 0) return { graph, aliases };
  return { graph: Object.freeze({ ...graph, nodes: Object.freeze(nodes), initializers }), aliases };
}
