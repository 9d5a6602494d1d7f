// What stands in front of a sine or cosine: the stored bias that is added to its argument, and by which number it is multiplied
// on the way. Only operations that are understood are gone through, each with one reader: a shift is seen nowhere else then.

import type { OnnxNode } from "../../formats/onnx/onnx-types.ts";
import type { Wave } from "../../symmetry/types.ts";
import type { NodeContext } from "./context.ts";
import type { WaveArgument } from "./value.ts";

type Graph = Pick<NodeContext, "consumers" | "producer" | "single">;

/** Operations that keep every number, in another layout or precision. */
const keeps = new Set(
  "Identity Cast Reshape Squeeze Unsqueeze Flatten Transpose Expand".split(" "),
);
/** Steps in front of a sine that are gone through. */
const maxSteps = 32;

/** The argument of the wave that this node computes. */
export function waveArgument(context: NodeContext, wave: Wave): WaveArgument {
  let name = context.node.inputs[0];
  let factor = 1;
  for (let step = 0; step < maxSteps && factor !== 0 && Number.isFinite(factor); step++) {
    const node = onlyRead(context, name) ? context.producer(name) : undefined;
    if (node === undefined || node.domain !== "") break;
    const bias = biasOf(context, node);
    if (bias !== undefined)
      return {
        wave,
        bias: {
          tensor: bias.tensor,
          readers: context.consumers(bias.tensor).length,
          factor: Math.abs(factor * bias.factor),
        },
      };
    const before = argumentOf(context, node);
    if (before === undefined) break;
    name = before.name;
    factor *= before.factor;
  }
  return { wave, bias: null };
}

const onlyRead = ({ consumers }: Graph, name: string): boolean => consumers(name).length === 1;

const numberOf = ({ attributes }: OnnxNode, name: string, otherwise: number): number => {
  const value = attributes.get(name);
  return value?.kind === "number" ? value.value : otherwise;
};

/** The stored tensor that a node adds to its other operand, and its factor. */
function biasOf(graph: Graph, node: OnnxNode): { tensor: string; factor: number } | undefined {
  const { op, inputs } = node;
  if (op === "Gemm") return storedBehind(graph, inputs[2], numberOf(node, "beta", 1));
  if (op === "Conv" || op === "ConvTranspose") return storedBehind(graph, inputs[2], 1);
  if (op !== "Add" && op !== "Sub") return undefined;
  const found = inputs.flatMap((name) => storedBehind(graph, name, 1) ?? []);
  return found.length === 1 ? found[0] : undefined;
}

/** The stored tensor whose numbers a value holds, times a factor; undefined where it is computed, or one number. */
function storedBehind(
  graph: Graph,
  value: string | undefined,
  factor: number,
): { tensor: string; factor: number } | undefined {
  let name = value ?? "";
  let share = factor;
  for (let step = 0; step < maxSteps && name !== "" && graph.single(name) === undefined; step++) {
    const node = graph.producer(name);
    if (node === undefined) return share === 0 ? undefined : { tensor: name, factor: share };
    if (!onlyRead(graph, name) || node.domain !== "" || node.op === "Constant") return undefined;
    const before = argumentOf(graph, node);
    if (before === undefined) return undefined;
    name = before.name;
    share *= before.factor;
  }
  return undefined;
}

/** The operand that a node passes on, times a number that the file holds. */
function argumentOf(
  { single }: Graph,
  { op, inputs }: OnnxNode,
): { name: string; factor: number } | undefined {
  if (keeps.has(op)) return { name: inputs[0], factor: 1 };
  if (op === "Neg") return { name: inputs[0], factor: -1 };
  const [first, second] = [single(inputs[0] ?? ""), single(inputs[1] ?? "")];
  if (inputs.length !== 2 || (first === undefined) === (second === undefined)) return undefined;
  const name = second === undefined ? inputs[1] : inputs[0];
  const number = first ?? second ?? NaN;
  if (op === "Mul") return { name, factor: number };
  if (op === "Div") return second === undefined ? undefined : { name, factor: 1 / number };
  return undefined;
}
