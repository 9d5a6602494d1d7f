// Makes one flat list of nodes of a model: local functions are inlined, the branches of If and the body of Loop stand
// among the other nodes, joined by nodes of the domain "weightspace", and tensors get one name each, wherever they are
// stored. Reading and writing share these names.
//
// If: both branches, each node with the condition under which it runs, and for every output one node
// Either(condition, then, else). Loop and Scan: the body once for all its rounds, between the joints of onnx-loops.ts. The
// Scan of operator set 8, which has a batch of its own, stays as it is.

import { clone, create } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
} from "onnx-buf";
import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { isFloatType, typeOfNumber } from "./onnx-element-types.ts";
import { graphOf, type Joint, loopJoints } from "./onnx-loops.ts";

/** The condition under which a node of a branch runs. */
export interface Guard {
  readonly condition: string;
  readonly when: boolean;
}

/** A node among all others, with names that are unique in the whole model. */
export interface FlatNode {
  readonly proto: NodeProto;
  readonly guards: readonly Guard[];
  /** Names of the model by those that nested graphs of the node use. */
  readonly rename: (name: string) => string;
}

export interface FlatGraph {
  readonly nodes: readonly FlatNode[];
  /** Stored tensors by name: initializers, and the float arrays of Constant nodes. */
  readonly tensors: ReadonlyMap<string, TensorProto>;
  /** Names of `tensors` that stand in Constant nodes. */
  readonly inline: ReadonlySet<string>;
}

const limits = { nodes: 500_000, tensors: 500_000, depth: 64 };

/** Domain of the nodes that join branches and rounds. */
export const joinDomain = "weightspace";

/** The loop that a node of the join domain belongs to: `name` of `name.leave0`. */
export const loopOf = ({ name }: { readonly name: string }): string =>
  name.slice(0, name.lastIndexOf("."));

interface Scope {
  readonly names: ReadonlyMap<string, string>;
  readonly guards: readonly Guard[];
  readonly depth: number;
  /** Attributes of the call, inside a function. */
  readonly given: ReadonlyMap<string, AttributeProto> | null;
}

interface State {
  readonly functions: ReadonlyMap<string, FunctionProto>;
  readonly nodes: FlatNode[];
  readonly tensors: Map<string, TensorProto>;
  readonly inline: Set<string>;
  readonly known: Map<TensorProto, string>;
  readonly taken: Set<string>;
}

const functionKey = (domain: string, name: string) =>
  `${domain === "ai.onnx" ? "" : domain}:${name}`;

/**
 * The nodes and stored tensors of a model.
 * @throws {FormatError} for names defined twice and functions that call themselves; {UnsupportedError} beyond the limits
 */
export function flattenGraph(model: ModelProto, graph: GraphProto): FlatGraph {
  const state: State = {
    functions: new Map(model.functions.map((one) => [functionKey(one.domain, one.name), one])),
    nodes: [],
    tensors: new Map(),
    inline: new Set(),
    known: new Map(),
    taken: new Set(),
  };
  for (const { name } of [...graph.initializer, ...graph.input]) state.taken.add(name);
  for (const { output } of graph.node) for (const name of output) state.taken.add(name);
  for (const proto of graph.initializer) {
    if (proto.name === "") throw new FormatError("readOnnx: an initializer has no name");
    if (state.tensors.has(proto.name))
      throw new FormatError(`readOnnx: initializer "${proto.name}" is defined twice`);
    addTensor(state, proto.name, proto);
  }
  addNodes(state, graph.node, { names: new Map(), guards: [], depth: 0, given: null });
  return state;
}

function addTensor({ tensors, known, taken }: State, name: string, proto: TensorProto): void {
  if (tensors.size >= limits.tensors)
    throw new UnsupportedError(`readOnnx: more than ${limits.tensors} tensors`);
  tensors.set(name, proto);
  known.set(proto, name);
  taken.add(name);
}

function addNodes(state: State, nodes: readonly NodeProto[], scope: Scope): void {
  if (scope.depth > limits.depth)
    throw new FormatError(
      `readOnnx: functions and branches are nested more than ${limits.depth} deep, or call each other in a circle`,
    );
  for (const proto of nodes) addNode(state, proto, scope);
}

function addNode(state: State, original: NodeProto, scope: Scope): void {
  if (state.nodes.length >= limits.nodes)
    throw new UnsupportedError(`readOnnx: more than ${limits.nodes} nodes`);
  const proto = scope.given === null ? original : withAttributes(original, scope.given);
  const rename = (name: string) => scope.names.get(name) ?? name;
  const called = state.functions.get(functionKey(proto.domain, proto.opType));
  if (called !== undefined) return addCall(state, proto, called, scope, rename);
  const isStandard = proto.domain === "" || proto.domain === "ai.onnx";
  if (isStandard && proto.opType === "If" && addBranches(state, proto, scope, rename)) return;
  const isLoop = proto.opType === "Loop" || proto.opType === "Scan";
  if (isStandard && isLoop && addLoop(state, proto, scope, rename)) return;
  const stored = isStandard && proto.opType === "Constant" ? arrayOf(proto) : undefined;
  if (stored !== undefined && !state.known.has(stored)) {
    const name = rename(proto.output[0] ?? "");
    if (name !== "" && !state.tensors.has(name)) {
      addTensor(state, name, stored);
      state.inline.add(name);
      return;
    }
  }
  const isSame = scope.depth === 0;
  state.nodes.push({
    proto: isSame
      ? proto
      : changed(proto, { input: proto.input.map(rename), output: proto.output.map(rename) }),
    guards: scope.guards,
    rename,
  });
}

/** A copy of a node with some parts replaced; fields that are not set have their values from the schema. */
function changed(
  proto: NodeProto,
  parts: Partial<Pick<NodeProto, "input" | "output" | "attribute">>,
): NodeProto {
  const { name, opType, domain, input, output, attribute } = proto;
  return create(NodeProtoSchema, { name, opType, domain, input, output, attribute, ...parts });
}

/** The float array of more than one number that a Constant node holds. */
function arrayOf({ attribute, output }: NodeProto): TensorProto | undefined {
  const value = attribute.length === 1 && output.length === 1 ? attribute[0] : undefined;
  const tensor = value?.name === "value" ? value.t : undefined;
  const type = tensor && typeOfNumber(tensor.dataType);
  if (tensor === undefined || type === undefined || !isFloatType(type)) return undefined;
  return tensor.dims.reduce((count, size) => count * Number(size), 1) > 1 ? tensor : undefined;
}

/** Names for what a nested graph defines: its own where they are free in the model. */
function ownNames(state: State, names: Iterable<string>, scope: Scope, where: string) {
  const renamed = new Map(scope.names);
  for (const name of names) {
    if (name === "") continue;
    let free = name;
    for (let i = 0; state.taken.has(free); i++) free = `${where}/${name}${i === 0 ? "" : `#${i}`}`;
    state.taken.add(free);
    renamed.set(name, free);
  }
  return renamed;
}

const nameOf = (proto: NodeProto) =>
  proto.name === "" ? `${proto.opType}(${proto.output[0]})` : proto.name;

function addCall(
  state: State,
  proto: NodeProto,
  called: FunctionProto,
  scope: Scope,
  rename: (name: string) => string,
): void {
  const inner = called.node.flatMap(({ output }) => output);
  const passed = new Map(called.input.map((name, i) => [name, rename(proto.input[i] ?? "")]));
  const local = inner.filter((name) => !passed.has(name));
  const names = ownNames(state, local, { ...scope, names: new Map() }, nameOf(proto));
  for (const [name, value] of passed) names.set(name, value);
  const given = new Map(called.attributeProto.map((one) => [one.name, one]));
  for (const one of proto.attribute) given.set(one.name, one);
  addNodes(state, called.node, { ...scope, names, depth: scope.depth + 1, given });
  // What the caller calls an output may be read by its outputs and nested graphs, so it keeps its name.
  for (const [i, name] of proto.output.entries()) {
    if (name === "" || called.output[i] === undefined) continue;
    const from = names.get(called.output[i]) ?? called.output[i];
    state.nodes.push(join("Identity", `${nameOf(proto)}.${i}`, [from], [rename(name)], scope, ""));
  }
}

function join(
  op: string,
  name: string,
  input: readonly string[],
  output: readonly string[],
  scope: Scope,
  domain = joinDomain,
): FlatNode {
  return {
    proto: create(NodeProtoSchema, {
      name,
      opType: op,
      domain,
      input: [...input],
      output: [...output],
    }),
    guards: scope.guards,
    rename: (value) => value,
  };
}

/** Attributes that refer to those of the call, replaced by them; what the call does not give is left out. */
function withAttributes(proto: NodeProto, given: ReadonlyMap<string, AttributeProto>): NodeProto {
  if (proto.attribute.every(({ refAttrName }) => refAttrName === "")) return proto;
  const attribute = proto.attribute.flatMap((one) => {
    if (one.refAttrName === "") return [one];
    const found = given.get(one.refAttrName);
    if (found === undefined) return [];
    const renamed = clone(AttributeProtoSchema, found);
    renamed.name = one.name;
    return [renamed];
  });
  return changed(proto, { attribute });
}

/** The scope inside a nested graph, with its tensors added. */
function enter(state: State, graph: GraphProto, scope: Scope, where: string): Scope {
  const stored = graph.initializer.filter((proto) => !state.known.has(proto));
  const defined = [
    ...stored.map(({ name }) => name),
    ...graph.input.map(({ name }) => name),
    ...graph.node.flatMap(({ output }) => output),
  ];
  const names = ownNames(state, new Set(defined), scope, where);
  for (const proto of stored) addTensor(state, names.get(proto.name) ?? proto.name, proto);
  for (const proto of graph.initializer)
    names.set(proto.name, state.known.get(proto) ?? proto.name);
  return { ...scope, names, depth: scope.depth + 1 };
}

function addBranches(
  state: State,
  proto: NodeProto,
  scope: Scope,
  rename: (name: string) => string,
): boolean {
  const condition = rename(proto.input[0] ?? "");
  const branches = (["then_branch", "else_branch"] as const).map((name) => graphOf(proto, name));
  if (condition === "" || !branches.every((one) => one?.output.length === proto.output.length))
    return false;
  const results = branches.map((graph, i): string[] => {
    if (graph === undefined) return [];
    const guards = [...scope.guards, { condition, when: i === 0 }];
    const where = `${nameOf(proto)}.${i === 0 ? "then" : "else"}`;
    const inner = enter(state, graph, { ...scope, guards }, where);
    addNodes(state, graph.node, inner);
    return graph.output.map(({ name }) => inner.names.get(name) ?? name);
  });
  for (const [i, name] of proto.output.entries()) {
    if (name === "") continue;
    const inputs = [condition, results[0][i], results[1][i]];
    state.nodes.push(join("Either", `${nameOf(proto)}.${i}`, inputs, [rename(name)], scope));
  }
  return true;
}

/** The body of a Loop or Scan between its joints; false where it is not followed inside. */
function addLoop(
  state: State,
  proto: NodeProto,
  scope: Scope,
  rename: (name: string) => string,
): boolean {
  const body = graphOf(proto, "body");
  const joints = body && loopJoints(proto, body);
  if (body === undefined || joints === undefined) return false;
  const name = nameOf(proto);
  const inner = enter(state, body, scope, name);
  const inside = (value: string) => inner.names.get(value) ?? value;
  const { before, after } = joints({ name, outside: rename, inside });
  const add = ({ op, isJoint, part, input, output, numbers }: Joint) => {
    const node = join(op, `${name}.${part}`, input, output, scope, isJoint ? joinDomain : "");
    for (const [key, value] of Object.entries(numbers)) {
      const type = AttributeProto_AttributeType.INT;
      node.proto.attribute.push(
        create(AttributeProtoSchema, { name: key, type, i: BigInt(value) }),
      );
    }
    state.nodes.push(node);
  };
  before.forEach(add);
  addNodes(state, body.node, inner);
  after.forEach(add);
  return true;
}
