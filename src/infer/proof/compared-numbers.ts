// What a graph tells about the numbers that its inputs hold: numbers that they are compared with, such as a sampling rate that
// chooses between two networks (random numbers would always take the same branch), and whether they are indices.

import { sizeOf } from "../../core/shapes.ts";
import { decodeTensor, hasNumbers } from "../../formats/onnx/onnx-tensor.ts";
import type { OnnxGraph } from "../../formats/onnx/onnx-types.ts";
import { producersOf, singleConstants } from "../walk/readers.ts";

/** Operations that keep the numbers of their first input. */
const keeps = new Set("Identity Reshape Squeeze Unsqueeze Gather Cast Slice Flatten".split(" "));
const compares = new Set(["Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"]);

/** The input of a graph whose numbers a value holds; undefined where it is computed from them. */
function inputsBehind(graph: OnnxGraph): (value: string) => string | undefined {
  const producers = producersOf(graph);
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  return (value) => {
    let name = value;
    for (let node = producers.get(name); node !== undefined; node = producers.get(name)) {
      if (!keeps.has(node.op) || node.domain !== "") return undefined;
      [name] = node.inputs;
    }
    return inputs.has(name) ? name : undefined;
  };
}

/** Operations that read or write their first input at the indices in their second. */
export const lookups: ReadonlySet<string> = new Set(
  "Gather GatherElements GatherND Scatter ScatterElements ScatterND".split(" "),
);

/** Names of inputs that are used as indices, of whatever type they are. */
export function indexInputs(graph: OnnxGraph): Set<string> {
  const behind = inputsBehind(graph);
  return new Set(
    graph.nodes.flatMap(({ op, domain, inputs }) =>
      lookups.has(op) && domain === "" ? (behind(inputs[1]) ?? []) : [],
    ),
  );
}

/** By input, the first stored number that it is compared with. */
export function comparedNumbers(graph: OnnxGraph): Map<string, number> {
  const types = new Map(graph.inputs.map(({ name, type }) => [name, type]));
  const singles = singleConstants(graph);
  for (const [name, tensor] of graph.initializers)
    if (hasNumbers(tensor) && tensor.type !== "string" && sizeOf(tensor.shape) === 1)
      singles.set(name, decodeTensor(tensor)[0]);
  const sourceOf = inputsBehind(graph);
  const found = new Map<string, number>();
  for (const { op, domain, inputs: operands } of graph.nodes) {
    if (domain !== "" || !compares.has(op)) continue;
    for (const [one, other] of [operands, operands.toReversed()]) {
      const number = singles.get(other);
      const input = number === undefined ? undefined : sourceOf(one);
      const isWhole = input !== undefined && /^u?int/.test(types.get(input) ?? "");
      if (isWhole && number !== undefined && !found.has(input)) found.set(input, number);
    }
  }
  return found;
}
