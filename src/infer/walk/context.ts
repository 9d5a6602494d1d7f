// What a handler of one operation sees: the node, its inputs and attributes, and the few things it may say about axes.

import { FormatError } from "../../core/errors.ts";
import { formatShape } from "../../core/shapes.ts";
import type { OnnxNode } from "../../formats/onnx/onnx-types.ts";
import { type Atom, find, fix, newAtom } from "../index-sets/atoms.ts";
import { unify } from "../index-sets/refine.ts";
import {
  type CarryOptions,
  type Fact,
  type KnownNumbers,
  type PointwiseLaw,
  plainValue,
  shapeOfValue,
  type Value,
} from "./value.ts";

/** Thrown by `decline`: the operation is valid, but not in a form this version follows. Caught by the runner. */
export class Declined extends Error {
  override readonly name = "Declined";
}

/** What is known of an output beside its dimensions. */
export interface OutputOptions {
  readonly numbers?: KnownNumbers;
  readonly entry?: number;
  readonly stack?: Value["stack"];
  readonly picked?: Value["picked"];
  readonly joined?: Value["joined"];
  /** The output holds numbers that do not depend on data: a shape. */
  readonly constant?: boolean;
  /** The output depends on data, even where its inputs do not: which of them it is is not known. */
  readonly computed?: boolean;
}

/** What the handler of an operation sees: its node, its inputs, and how it makes outputs. */
export interface NodeContext {
  readonly node: OnnxNode;
  readonly opset: number;
  /** For messages: `Reshape "/attn/Reshape_2"`. */
  readonly label: string;
  readonly facts: Fact[];
  /** The input at a position, or null when it is absent. */
  input(position: number): Value | null;
  /** The input at a position. @throws {FormatError} when absent */
  need(position: number): Value;
  readonly inputs: readonly Value[];
  number(attribute: string, fallback: number): number;
  numbers(attribute: string): readonly number[] | null;
  text(attribute: string, fallback: string): string;
  /** Numbers of a parameter input (axes, shapes, bounds), or null when they are not known before running. */
  parameter(position: number): readonly number[] | null;
  /** An axis counted from either end. @throws {FormatError} when out of range */
  axis(index: number, rank: number): number;
  tie(a: Atom, b: Atom): void;
  fix(atom: Atom, why?: string): void;
  /** A new value at an output position; when absent in the node, still a value for facts. */
  output(position: number, dims: readonly Atom[], options?: OutputOptions): Value;
  /** A value of the handler's own: the same entries under other dimensions. */
  regroup(value: Value, dims: readonly Atom[]): Value;
  pointwise(law: PointwiseLaw, inputs: readonly Value[], output: Value): void;
  carry(
    from: Value,
    to: Value,
    pairs: readonly (readonly [number, number])[],
    options?: CarryOptions,
  ): void;
  mix(value: Value, dims: readonly number[]): void;
  /** Says how two values are contracted, and ties nothing: the handler has tied the dimensions. */
  contract(fact: Omit<Extract<Fact, { kind: "contract" }>, "kind">): void;
  /** Who reads a value. */
  consumers(name: string): readonly OnnxNode[];
  /** The node that makes a value. */
  producer(name: string): OnnxNode | undefined;
  /** The number of a constant with one entry, even one that comes later in the file. */
  single(name: string): number | undefined;
  decline(why: string): never;
  fail(why: string): never;
}

/** What the context of a node is made of. */
export interface ContextSource {
  readonly node: OnnxNode;
  readonly opset: number;
  readonly facts: Fact[];
  readonly inputs: readonly (Value | null)[];
  readonly publish: (name: string, value: Value) => void;
  readonly consumers: (name: string) => readonly OnnxNode[];
  readonly producer: (name: string) => OnnxNode | undefined;
  readonly single: (name: string) => number | undefined;
}

const maxRank = 32;
const maxEntries = 2 ** 45;

/** Constants stay constants, and what is computed from weights alone is a weight in another form. */
function originOf(inputs: readonly Value[]): Value["origin"] {
  if (inputs.every((value) => value.origin === "constant")) return "constant";
  return inputs.some((value) => value.origin === "computed") ? "computed" : "weight";
}

const kindOf = ({ constant, computed }: OutputOptions, origin: Value["origin"]) =>
  constant === true ? "constant" : computed === true ? "computed" : origin;

/** The context of one node: what its handler reads, and where what it says is written. */
export function nodeContext(source: ContextSource): NodeContext {
  const { node, facts } = source;
  const label = `${node.op} "${node.name}"`;
  const fail = (why: string): never => {
    throw new FormatError(`inferSpec: ${label}: ${why}`);
  };
  const present = source.inputs.filter((value) => value !== null);
  return {
    node,
    opset: source.opset,
    label,
    facts,
    inputs: present,
    input: (position) => source.inputs[position] ?? null,
    need: (position) => source.inputs[position] ?? fail(`input ${position} is missing`),
    ...attributeReaders(node, fail),
    ...dimensionRules(label, fail),
    ...factWriters(facts),
    parameter(position) {
      const value = source.inputs[position];
      if (value === null || value === undefined) return null;
      for (const dim of value.dims) fix(dim, `${label} reads it as a parameter`);
      return value.numbers === null ? null : [...value.numbers.data];
    },
    output(position, dims, options = {}) {
      checkOutput(dims, fail);
      const name = node.outputs[position] ?? "";
      const { numbers = null, entry = null, stack = null, picked = null, joined = null } = options;
      const origin = kindOf(options, originOf(present));
      const value: Value = {
        name,
        dims,
        origin,
        numbers,
        entry,
        stack,
        picked,
        joined,
        unknown: false,
      };
      if (name !== "") source.publish(name, value);
      return value;
    },
    consumers: source.consumers,
    producer: source.producer,
    single: source.single,
    decline(why) {
      throw new Declined(why);
    },
    fail,
  };
}

type Fail = NodeContext["fail"];

/** Attributes of a node by kind; each throws when the attribute is of another kind. */
function attributeReaders(
  node: OnnxNode,
  fail: Fail,
): Pick<NodeContext, "number" | "numbers" | "text"> {
  return {
    number(name, fallback) {
      const found = node.attributes.get(name);
      if (found === undefined) return fallback;
      if (found.kind !== "number") return fail(`attribute "${name}" must be a number`);
      return found.value;
    },
    numbers(name) {
      const found = node.attributes.get(name);
      if (found === undefined) return null;
      if (found.kind === "number") return [found.value];
      if (found.kind !== "numbers") return fail(`attribute "${name}" must be a list of numbers`);
      return found.value;
    },
    text(name, fallback) {
      const found = node.attributes.get(name);
      if (found === undefined) return fallback;
      if (found.kind !== "text") return fail(`attribute "${name}" must be text`);
      return found.value;
    },
  };
}

/** What a handler may say about dimensions. */
function dimensionRules(label: string, fail: Fail): Pick<NodeContext, "axis" | "tie" | "fix"> {
  return {
    axis(index, rank) {
      const axis = index < 0 ? index + rank : index;
      if (!Number.isInteger(axis) || axis < 0 || axis >= rank)
        fail(`axis ${index} is out of range for ${rank} dimensions`);
      return axis;
    },
    tie(a, b) {
      if (a.size !== b.size) fail(`two of its dimensions must agree, got ${a.size} and ${b.size}`);
      unify(a, b, label);
    },
    fix: (atom, why) => fix(atom, why === undefined ? label : `${label}: ${why}`),
  };
}

/** What a handler may say about values. */
function factWriters(
  facts: Fact[],
): Pick<NodeContext, "regroup" | "pointwise" | "carry" | "contract" | "mix"> {
  return {
    regroup(value, dims) {
      const to = plainValue(value.name, dims, value.origin);
      facts.push({ kind: "regroup", from: value, to });
      return to;
    },
    pointwise: (law, inputs, output) => void facts.push({ kind: "pointwise", law, inputs, output }),
    carry: (from, to, pairs, options = {}) =>
      void facts.push({ kind: "carry", from, to, pairs, options }),
    contract: (fact) => void facts.push({ kind: "contract", ...fact }),
    mix: (value, dims) => void facts.push({ kind: "mix", value, dims }),
  };
}

/** Refuses outputs of absurd rank or size, which only a broken file asks for. */
function checkOutput(dims: readonly Atom[], fail: Fail): void {
  const entries = dims.reduce((count, { size }) => count * size, 1);
  if (dims.length > maxRank || !(entries <= maxEntries))
    fail(`its output would have shape ${formatShape(dims.map(({ size }) => size))}`);
}

/** A fresh dimension that nothing may move. */
export function fixedAtom(size: number, reason: string): Atom {
  const atom = newAtom(size);
  fix(atom, reason);
  return find(atom);
}

/** Output dimensions of a broadcast; records which input dimensions are the same. @throws {FormatError} when they clash */
export function broadcast(context: NodeContext, values: readonly Value[]): Atom[] {
  const rank = Math.max(0, ...values.map(({ dims }) => dims.length));
  return Array.from({ length: rank }, (_, at) => {
    let chosen: Atom | null = null;
    for (const value of values) {
      const dim = value.dims.at(at - rank);
      if (dim === undefined || dim.size === 1) continue;
      if (chosen === null) chosen = dim;
      else if (chosen.size !== dim.size)
        context.fail(
          `shapes ${values.map((one) => formatShape(shapeOfValue(one))).join(" and ")} do not broadcast`,
        );
      else context.tie(chosen, dim);
    }
    return chosen ?? newAtom(1);
  });
}
