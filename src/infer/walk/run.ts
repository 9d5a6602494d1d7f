// The walk over a graph: every node's handler links the dimensions of its inputs and outputs. Unknown operations fail
// closed: what they touch is fixed, what they make has no known shape, and both are reported by name.

import { sizeOf } from "../../core/shapes.ts";
import { isFloatType } from "../../formats/onnx/onnx-element-types.ts";
import { joinDomain } from "../../formats/onnx/onnx-flatten.ts";
import { type OnnxTensor } from "../../formats/onnx/onnx-tensor.ts";
import type { OnnxGraph, OnnxNode } from "../../formats/onnx/onnx-types.ts";
import { fix, newAtom } from "../index-sets/atoms.ts";
import { Declined, fixedAtom, nodeContext } from "./context.ts";
import { isBranchError, joinedOp, refuseOpenLoop, runningNode } from "./branches.ts";
import { foldConstant, storedConstant } from "./constants.ts";
import { foldNode } from "./fold.ts";
import { producersOf, readersOf, singleConstants } from "./readers.ts";
import { assumedShape, declaredShape, type FreeSizes, learnSizes } from "./assumed-shape.ts";
import { steeringTensors, storedRole } from "./stored.ts";
import { collapse } from "../ops/dialects/fused.ts";
import { type Handler, words } from "../ops/handler.ts";
import { handlerOf } from "../ops/registry.ts";
import { type Fact, plainValue, type Value } from "./value.ts";

/** An operation whose axes were all fixed, and why. */
export interface Unsupported {
  readonly node: string;
  readonly op: string;
  readonly reason: string;
  /** It does not fit the sizes that were assumed for the inputs; with others it may. */
  readonly misfit?: boolean;
}

/** What a walk over a graph leaves: its values, and what it learnt about them. */
export interface Walk {
  readonly weights: ReadonlyMap<string, Value>;
  /** Every value that nodes compute from the input, by name; gathered when it is asked for. */
  readonly computed: () => ReadonlyMap<string, Value>;
  readonly facts: readonly Fact[];
  /** Constants as they were used; each must look the same after the group acted. */
  readonly constants: readonly Value[];
  readonly unsupported: readonly Unsupported[];
  /** How many operations were not followed only because they come after one of those. */
  readonly after: number;
  /** How many unknown operations were taken to keep the shape of their inputs. */
  readonly assumed: number;
  /** Tensors with one value everywhere that several operations read: each reader sees a constant of its own. */
  readonly untied: readonly string[];
  /** Tensors that no operation reads. */
  readonly unread: readonly string[];
}

const stackAware = new Set(
  words("Transpose Split Gather Slice Squeeze Unsqueeze Reshape LSTM GRU RNN"),
);

/** Everything the walk knows so far. */
interface State {
  readonly graph: OnnxGraph;
  /** Values by name, except constants with known numbers. */
  readonly values: Map<string, Value>;
  /** Constants with known numbers: every reader gets a value of its own, so that readers are not tied through them. */
  readonly sources: Map<string, Value>;
  readonly weights: Map<string, Value>;
  readonly facts: Fact[];
  readonly constants: Value[];
  readonly unsupported: Unsupported[];
  readonly after: { count: number };
  readonly untied: string[];
  readonly unread: string[];
  /** Names that running nodes and outputs have read. */
  readonly read: Set<string>;
  readonly readers: ReadonlyMap<string, readonly OnnxNode[]>;
  readonly producers: ReadonlyMap<string, OnnxNode>;
  /** Numbers of constants with one entry that `Constant` nodes make, wherever they stand in the file. */
  readonly singles: ReadonlyMap<string, number>;
  readonly sizes: FreeSizes;
  /** Whether unknown operations are taken to act entry by entry, as far as shapes go; counts those that were. */
  readonly assumed: { readonly allowed: boolean; count: number };
}

/** How a graph is walked. */
export interface WalkOptions {
  /** Float tensors that are constants, not weights. @default none */
  readonly held?: ReadonlySet<string>;
  /** Unknown operations whose result has no declared shape are taken to keep that of their inputs. @default false */
  readonly assume?: boolean;
}

/** Follows all axes. @throws {FormatError} when shapes clash */
export function walkGraph(
  graph: OnnxGraph,
  inputShapes: readonly (readonly number[] | null)[],
  { held = new Set(), assume = false }: WalkOptions = {},
): Walk {
  const state: State = {
    graph,
    values: new Map(),
    sources: new Map(),
    weights: new Map(),
    facts: [],
    constants: [],
    unsupported: [],
    after: { count: 0 },
    untied: [],
    unread: [],
    read: new Set(),
    readers: readersOf(graph),
    producers: producersOf(graph),
    singles: singleConstants(graph),
    sizes: new Map(),
    assumed: { allowed: assume, count: 0 },
  };
  const steering = steeringTensors(graph, state.producers);
  for (const tensor of graph.initializers.values())
    readInitializer(state, tensor, steering.has(tensor.name) ? steering : held);
  for (const [i, { name }] of graph.inputs.entries()) {
    const dims = inputShapes[i]?.map((size) => fixedAtom(size, `input "${name}"`));
    const value = dims ? plainValue(name, dims, "computed") : unknownValue(name);
    state.values.set(name, value);
    learnSizes(graph, state.sizes, value);
  }
  for (const node of graph.nodes) followNode(state, node);
  for (const { name } of graph.outputs) fixDims(valueOf(state, name), `output "${name}"`);
  const { weights, facts, constants, unsupported, after, untied, unread } = state;
  // Anything at all could be done to these: nothing would show.
  for (const [name, value] of weights)
    if (!state.read.has(name)) fixDims(value, "only a branch that never runs reads it");
  const computed = () => computedValues(state);
  const assumed = state.assumed.count;
  const counts = { after: after.count, assumed };
  return { weights, computed, facts, constants, unsupported, ...counts, untied, unread };
}

/** A stored tensor becomes a weight, a constant or, when it holds text, a value of which nothing is known. */
function readInitializer(state: State, tensor: OnnxTensor, held: ReadonlySet<string>): void {
  const { values, sources, weights, readers, untied, unread } = state;
  const { name, shape, type } = tensor;
  if (!readers.has(name)) {
    unread.push(name);
    return;
  }
  const role = storedRole(tensor, readers, held);
  if (role === "weight") {
    const value = plainValue(name, shape.map(newAtom), "weight");
    weights.set(name, value);
    if (!isFloatType(type)) state.facts.push({ kind: "opaque", value }); // integers scale by nothing
    values.set(name, value);
  } else if (type !== "string") {
    if (role === "loose" && sizeOf(shape) > 1) untied.push(name);
    const value = { ...plainValue(name, [], "constant"), ...storedConstant(tensor) };
    (value.numbers === null ? values : sources).set(name, value);
  } else values.set(name, unknownValue(name));
}

/** The value that a reader sees under a name; null for an input that is left out. */
function valueOf({ sources, values, constants, read }: State, name: string): Value | null {
  if (name === "") return null;
  read.add(name);
  const source = sources.get(name);
  if (source === undefined) return values.get(name) ?? unknownValue(name);
  const used: Value = { ...source, dims: source.dims.map(({ size }) => newAtom(size)) };
  constants.push(used);
  return used;
}

/** Calls the handler of a node, or closes the node when there is none, an input is unknown or the handler declines. */
function followNode(state: State, given: OnnxNode): void {
  const node = runningNode(given, (name) => singleOf(state, name));
  if (node === null) {
    for (const name of given.outputs) state.values.set(name, unknownValue(name));
    return;
  }
  const inputs = node.inputs.map((name) => inputOf(state, node, name));
  const handler = handlerOf(node);
  if (handler === undefined) {
    refuseUnknown(state, node, inputs);
  } else if (inputs.some((value) => value?.unknown === true)) {
    refuseOpenLoop(node);
    state.after.count++;
    failClosed(state, node, inputs);
  } else {
    try {
      handle(state, node, inputs, handler);
    } catch (error) {
      if (!(error instanceof Declined || isBranchError(node, error))) throw error;
      refuse(state, node, inputs, `${error.message} is not followed`, !(error instanceof Declined));
    }
  }
}

/** The number of a constant with one entry. */
function singleOf({ sources, values, singles }: State, name: string): number | undefined {
  const numbers = (sources.get(name) ?? values.get(name))?.numbers;
  return numbers?.data.length === 1 ? numbers.data[0] : singles.get(name);
}

/** An input as the operation sees it: stacked layouts are put back into one for operations that do not know them. */
function inputOf(state: State, node: OnnxNode, name: string): Value | null {
  const value = valueOf(state, name);
  if (value === null || value.stack === null || stackAware.has(node.op)) return value;
  return collapse(value, node.name, state.facts);
}

/** Calls the handler of a node and completes what it said: numbers of constants, opaque values. @throws {Declined} */
function handle(
  state: State,
  node: OnnxNode,
  inputs: readonly (Value | null)[],
  handler: Handler,
): void {
  const { graph, values, sources, facts, readers, producers } = state;
  const before = facts.length;
  const context = nodeContext({
    node,
    opset: graph.opset,
    facts,
    inputs,
    publish: (name, value) => void values.set(name, value),
    consumers: (name) => readers.get(name) ?? [],
    producer: (name) => producers.get(name),
    single: (name) => singleOf(state, name),
  });
  handler(context);
  for (const name of node.outputs) {
    const made = values.get(name);
    if (made !== undefined) learnSizes(graph, state.sizes, made);
    if (made?.origin !== "constant" || made.stack !== null) continue;
    const folded = foldConstant(made, inputs, node, foldNode(context, made));
    if (folded.numbers !== null || folded.entry !== null) sources.set(name, folded);
  }
  const outputs = node.outputs.map((name) => values.get(name) ?? null);
  coverOpaque(facts, before, inputs, outputs);
}

/** Values that nodes made and whose dimensions are known one by one. */
function computedValues({ values, producers }: State): Map<string, Value> {
  const isComputed = ({ origin, unknown, stack, picked, joined }: Value) =>
    origin === "computed" && !unknown && stack === null && picked === null && joined === null;
  return new Map([...values].filter(([name, value]) => producers.has(name) && isComputed(value)));
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
  const covers = (fact: Fact, value: Value): boolean => {
    switch (fact.kind) {
      case "pointwise":
        return fact.output === value || fact.inputs.includes(value);
      case "contract":
        return fact.left === value || fact.right === value || fact.output === value;
      case "carry":
      case "regroup":
        return fact.from === value || fact.to === value;
      default:
        return false;
    }
  };
  const end = facts.length;
  const isCovered = (value: Value) => {
    for (let i = from; i < end; i++) if (covers(facts[i], value)) return true;
    return false;
  };
  const silent = outputs.every((value) => value?.origin === "constant");
  for (const value of silent ? [] : [...inputs, ...outputs]) {
    if (
      value !== null &&
      value.picked === null &&
      value.joined === null &&
      value.dims.length > 0 &&
      !isCovered(value)
    )
      facts.push({ kind: "opaque", value });
  }
}

/** Closes an unknown operation; where its result has no declared shape, it is taken to keep that of its inputs. */
function refuseUnknown(state: State, node: OnnxNode, inputs: readonly (Value | null)[]): void {
  const { graph, sizes, assumed, values } = state;
  const reason = "the operation is not known";
  const isDeclared = node.outputs.some((name) => declaredShape(graph, sizes, name) !== null);
  const shape = assumed.allowed && !isDeclared ? assumedShape(graph, node, inputs) : null;
  if (shape === null) return refuse(state, node, inputs, reason);
  assumed.count++;
  refuse(state, node, inputs, `${reason}, its result is taken to have the shape of its inputs`);
  const dims = shape.map((size) => fixedAtom(size, `${node.op} "${node.name}" is not followed`));
  for (const name of node.outputs)
    if (name !== "") values.set(name, plainValue(name, dims, "computed"));
}

/** Closes a node that is not followed, and reports it with a reason. */
function refuse(
  state: State,
  node: OnnxNode,
  inputs: readonly (Value | null)[],
  reason: string,
  misfit = false,
): void {
  refuseOpenLoop(node);
  const op =
    node.domain === joinDomain
      ? joinedOp(node)
      : node.domain === ""
        ? node.op
        : `${node.domain}.${node.op}`;
  state.unsupported.push({ node: node.name, op, reason, ...(misfit && { misfit }) });
  failClosed(state, node, inputs);
}

/** Fixes what a node touches; its outputs keep the shapes that the file declares, and are unknown without. */
function failClosed(state: State, node: OnnxNode, inputs: readonly (Value | null)[]): void {
  const reason = `${node.op} "${node.name}" is not followed`;
  for (const value of inputs) fixDims(value, reason);
  for (const name of node.captured) fixDims(valueOf(state, name), reason);
  for (const name of node.outputs) {
    if (name === "") continue;
    const shape = declaredShape(state.graph, state.sizes, name);
    const dims = shape?.map((size) => fixedAtom(size, reason));
    state.values.set(name, dims ? plainValue(name, dims, "computed") : unknownValue(name));
  }
}

/** Fixes all dimensions of a value, those of its stacked layouts included. */
function fixDims(value: Value | null, reason: string): void {
  for (const dim of value?.stack?.members.flatMap(({ dims }) => dims) ?? value?.dims ?? [])
    fix(dim, reason);
}
