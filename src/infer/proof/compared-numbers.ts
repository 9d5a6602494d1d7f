// Numbers that a graph compares its whole-number inputs with, such as a sampling rate that chooses between two networks:
// random numbers would always take the same branch.

import { sizeOf } from "../../core/shapes.ts";
import { decodeTensor } from "../../formats/onnx/onnx-tensor.ts";
import type { OnnxGraph, OnnxNode } from "../../formats/onnx/onnx-types.ts";
import { singleConstants } from "../walk/readers.ts";

/** Operations that keep the numbers of their first input. */
const keeps = new Set("Identity Reshape Squeeze Unsqueeze Gather Cast Slice Flatten".split(" "));
const compares = new Set(["Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"]);

/** By input, the first stored number that it is compared with. */
export function comparedNumbers(graph: OnnxGraph): Map<string, number> {
  const producers = new Map<string, OnnxNode>();
  for (const node of graph.nodes) for (const name of node.outputs) producers.set(name, node);
  const inputs = new Map(graph.inputs.map(({ name, type }) => [name, type]));
  const singles = singleConstants(graph);
  for (const [name, tensor] of graph.initializers)
    if (tensor.outside === undefined && tensor.type !== "string" && sizeOf(tensor.shape) === 1)
      singles.set(name, decodeTensor(tensor)[0]);
  /** The input whose numbers a value holds. */
  const sourceOf = (value: string): string | undefined => {
    let name = value;
    for (let node = producers.get(name); node !== undefined; node = producers.get(name)) {
      if (!keeps.has(node.op) || node.domain !== "") return undefined;
      [name] = node.inputs;
    }
    return inputs.has(name) ? name : undefined;
  };
  const found = new Map<string, number>();
  for (const { op, domain, inputs: operands } of graph.nodes) {
    if (domain !== "" || !compares.has(op)) continue;
    for (const [one, other] of [operands, operands.toReversed()]) {
      const number = singles.get(other);
      const input = number === undefined ? undefined : sourceOf(one);
      const isWhole = input !== undefined && /^u?int/.test(inputs.get(input) ?? "");
      if (isWhole && number !== undefined && !found.has(input)) found.set(input, number);
    }
  }
  return found;
}
