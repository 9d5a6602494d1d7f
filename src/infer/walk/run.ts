// The walk over a graph: every node's handler links the dimensions of its inputs and outputs. Unknown operations fail
// closed: what they touch is fixed, what they make has no known shape, and both are reported by name.

import { sizeOf } from "../../core/shapes.ts";
import { isFloatType } from "../../formats/onnx-tensor.ts";
import type { OnnxGraph, OnnxNode, OnnxValueType } from "../../formats/onnx-types.ts";
import { type Atom, fix, newAtom } from "../index-sets/atoms.ts";
import { Declined, fixedAtom, nodeContext } from "./context.ts";
import { isBranchError, refuseOpenLoop, runningNode } from "./branches.ts";
import { foldConstant, storedConstant } from "./constants.ts";
import { foldNode } from "./fold.ts";
import { readersOf, singleConstants } from "./readers.ts";
import { steeringTensors, storedRole } from "./stored.ts";
import { collapse } from "../ops/fused.ts";
import { words } from "../ops/handler.ts";
import { handlerOf } from "../ops/registry.ts";
import type { Fact, Value } from "./value.ts";

/** An operation whose axes were all fixed, and why. */
export interface Unsupported {
  readonly node: string;
  readonly op: string;
  readonly reason: string;
  /** It does not fit the sizes that were assumed for the inputs; with others it may. */
  readonly misfit?: boolean;
}

export interface Walk {
  readonly weights: ReadonlyMap<string, Value>;
  /** Every value that nodes compute from the input, by name. */
  readonly computed: ReadonlyMap<string, Value>;
  readonly facts: readonly Fact[];
  /** Constants as they were used; each must look the same after the group acted. */
  readonly constants: readonly Value[];
  readonly unsupported: readonly Unsupported[];
  /** How many operations were not followed only because they come after one of those. */
  readonly after: number;
  /** Tensors with one value everywhere that several operations read: each reader sees a constant of its own. */
  readonly loose: readonly string[];
  /** Tensors that no operation reads. */
  readonly idle: readonly string[];
}

const unsupportedNode = (
  { name, op, domain }: OnnxNode,
  reason: string,
  misfit: boolean,
): Unsupported => ({
  node: name,
  op: domain === "" ? op : `${domain}.${op}`,
  reason,
  ...(misfit && { misfit }),
});

const stackAware = new Set(
  words("Transpose Split Gather Slice Squeeze Unsqueeze Reshape LSTM GRU RNN"),
);

/** Follows all axes; float tensors named in `held` are constants, not weights. @throws {FormatError} when shapes clash */
export function walkGraph(
  graph: OnnxGraph,
  inputShapes: readonly (readonly number[] | null)[],
  held: ReadonlySet<string> = new Set(),
): Walk {
  const values = new Map<string, Value>();
  const weights = new Map<string, Value>();
  const facts: Fact[] = [];
  const constants: Value[] = [];
  const sources = new Map<string, Value>();
  const unsupported: Unsupported[] = [];
  const readers = readersOf(graph);
  const loose: string[] = [];
  const idle: string[] = [];
  const producers = new Map(
    graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node])),
  );
  const laterSingles = singleConstants(graph);
  const steering = steeringTensors(graph);
  let after = 0;

  for (const tensor of graph.initializers.values()) {
    if (!readers.has(tensor.name)) {
      idle.push(tensor.name);
      continue;
    }
    const role = storedRole(tensor, readers, steering.has(tensor.name) ? steering : held);
    if (role === "weight") {
      const value = plainValue(tensor.name, tensor.shape.map(newAtom), "weight");
      weights.set(tensor.name, value);
      if (!isFloatType(tensor.type)) facts.push({ kind: "opaque", value }); // integers scale by nothing
      values.set(tensor.name, value);
    } else if (tensor.type !== "string") {
      if (role === "loose" && sizeOf(tensor.shape) > 1) loose.push(tensor.name);
      const value = { ...plainValue(tensor.name, [], "constant"), ...storedConstant(tensor) };
      (value.numbers === null ? values : sources).set(tensor.name, value);
    } else values.set(tensor.name, unknownValue(tensor.name));
  }
  for (const [i, input] of graph.inputs.entries()) {
    const dims = inputShapes[i]?.map((size) => fixedAtom(size, `input "${input.name}"`));
    values.set(
      input.name,
      dims ? plainValue(input.name, dims, "computed") : unknownValue(input.name),
    );
  }

  /** A constant is a fresh value for every reader, so that readers are not tied through it. */
  const valueOf = (name: string): Value | null => {
    if (name === "") return null;
    const source = sources.get(name);
    if (source !== undefined) {
      const used: Value = { ...source, dims: source.dims.map(({ size }) => newAtom(size)) };
      constants.push(used);
      return used;
    }
    return values.get(name) ?? unknownValue(name);
  };
  const single = (name: string) => {
    const numbers = (sources.get(name) ?? values.get(name))?.numbers;
    return numbers?.data.length === 1 ? numbers.data[0] : laterSingles.get(name);
  };

  for (const given of graph.nodes) {
    const node = runningNode(given, single);
    if (node === null) {
      for (const name of given.outputs) values.set(name, unknownValue(name));
      continue;
    }
    const inputs = node.inputs
      .map(valueOf)
      .map((value) =>
        value !== null && value.stack !== null && !stackAware.has(node.op)
          ? collapse(value, node.name)
          : value,
      );
    const publish = (name: string, value: Value) => void values.set(name, value);
    const closed = (reason: string, follows = false, misfit = false) => {
      refuseOpenLoop(node);
      if (follows) after++;
      else unsupported.push(unsupportedNode(node, reason, misfit));
      failClosed(node, [...inputs, ...node.captured.map(valueOf)], graph.declared, values);
    };
    const handler = handlerOf(node);
    if (handler === undefined) closed("the operation is not known");
    else if (inputs.some((value) => value?.unknown === true))
      closed("the shape of an input is not known", true);
    else {
      const before = facts.length;
      const context = nodeContext({
        node,
        opset: graph.opset,
        facts,
        inputs,
        publish,
        consumers: (name) => readers.get(name) ?? [],
        producer: (name) => producers.get(name),
        single,
      });
      try {
        handler(context);
        for (const name of node.outputs) {
          const made = values.get(name);
          if (made?.origin !== "constant" || made.stack !== null) continue;
          const folded = foldConstant(made, inputs, node, foldNode(context, made));
          if (folded.numbers !== null || folded.entry !== null) sources.set(name, folded);
        }
        coverOpaque(
          facts,
          before,
          inputs,
          node.outputs.map((name) => values.get(name) ?? null),
        );
      } catch (error) {
        if (!(error instanceof Declined || isBranchError(node, error))) throw error;
        closed(`${error.message} is not followed`, false, !(error instanceof Declined));
      }
    }
  }
  for (const { name } of graph.outputs) {
    const value = valueOf(name);
    for (const dim of value?.stack?.members.flatMap(({ dims }) => dims) ?? value?.dims ?? [])
      fix(dim, `output "${name}"`);
  }
  const isComputed = ({ origin, unknown, stack, picked }: Value) =>
    origin === "computed" && !unknown && stack === null && picked === null;
  const computed = new Map([...values].filter(([name, v]) => producers.has(name) && isComputed(v)));
  return { weights, computed, facts, constants, unsupported, after, loose, idle };
}

function plainValue(name: string, dims: readonly Atom[], origin: Value["origin"]): Value {
  return {
    name,
    dims,
    origin,
    numbers: null,
    entry: null,
    stack: null,
    picked: null,
    unknown: false,
  };
}

const unknownValue = (name: string): Value => ({
  ...plainValue(name, [], "computed"),
  unknown: true,
});

/** Values that the handler said nothing about scalings of are opaque to scalings. */
function coverOpaque(
  facts: Fact[],
  from: number,
  inputs: readonly (Value | null)[],
  outputs: readonly (Value | null)[],
): void {
  const covered = new Set<Value>();
  for (const fact of facts.slice(from)) {
    if (fact.kind === "pointwise")
      for (const value of [...fact.inputs, fact.output]) covered.add(value);
    else if (fact.kind === "contract")
      for (const value of [fact.left, fact.right, fact.output]) covered.add(value);
    else if (fact.kind === "carry" || fact.kind === "regroup")
      for (const value of [fact.from, fact.to]) covered.add(value);
  }
  const silent = outputs.every((value) => value?.origin === "constant");
  for (const value of silent ? [] : [...inputs, ...outputs]) {
    if (value !== null && value.picked === null && !covered.has(value) && value.dims.length > 0)
      facts.push({ kind: "opaque", value });
  }
}

function failClosed(
  node: OnnxNode,
  inputs: readonly (Value | null)[],
  declared: ReadonlyMap<string, OnnxValueType>,
  values: Map<string, Value>,
): void {
  const reason = `${node.op} "${node.name}" is not followed`;
  for (const value of inputs) {
    for (const dim of value?.stack?.members.flatMap(({ dims }) => dims) ?? value?.dims ?? [])
      fix(dim, reason);
  }
  for (const name of node.outputs) {
    if (name === "") continue;
    const shape = declared.get(name)?.shape;
    const sizes =
      shape?.every((size) => typeof size === "number") === true
        ? (shape as readonly number[])
        : null;
    values.set(
      name,
      sizes === null
        ? unknownValue(name)
        : plainValue(
            name,
            sizes.map((size) => fixedAtom(size, reason)),
            "computed",
          ),
    );
  }
}
