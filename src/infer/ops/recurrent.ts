// LSTM, GRU and RNN layers: stacked gates share one hidden axis, which lies within the direction when there are two.

import { type Atom, productOf } from "../index-sets/atoms.ts";
import { fixedAtom, type NodeContext } from "../walk/context.ts";
import type { PointwiseLaw, Value } from "../walk/value.ts";
import { publishStack } from "./directions.ts";
import { collapse } from "./dialects/fused.ts";
import { type DimPair, type Handlers, turned } from "./handler.ts";

interface Kind {
  readonly gates: number;
  /** Hidden states it returns besides the sequence. */
  readonly states: number;
  /** Its matrices have features and hidden states before the gates. */
  readonly columns?: boolean;
}

/** [direction, from, gates] as [direction, gates, from]. */
const gatesFirst = (context: NodeContext, x: Value): Value =>
  x.dims.length === 3
    ? turned(context, x, [0, 2, 1])
    : context.fail("its weights need three dimensions");

/** Weights of eight bits, with a scale and a zero point for every direction or for every row. */
function quantisedLayer(context: NodeContext): void {
  layer({ gates: 4, states: 2, columns: true })(context);
  for (const [weight, positions] of [
    [1, [8, 9]],
    [2, [10, 11]],
  ] as const) {
    const w = context.need(weight);
    for (const position of positions) {
      const given = context.input(position);
      if (given === null) continue;
      context.facts.push({ kind: "opaque", value: given });
      if (given.dims.length === 2) tieAll(context, given, [w.dims[0], w.dims[2]]);
      else for (const dim of given.dims) context.fix(dim, "forward and backward in order");
    }
    context.facts.push({ kind: "opaque", value: w });
  }
  context.facts.push({ kind: "opaque", value: context.need(0) });
}

function layer(kind: Kind) {
  return (context: NodeContext): void => {
    if (context.number("layout", 0) !== 0) context.decline("batch-first layout");
    const weights = [1, 2, 3].map((i) => context.input(i));
    const stacks = weights.map((value) => value?.stack ?? null);
    const count = stacks[0]?.members.length;
    const areSeparate = stacks.every(
      (stack, i) => weights[i] === null || stack?.members.length === count,
    );
    if (areSeparate && count !== undefined) return separateDirections(context, kind, count);
    const [w, r, bias] = weights.map((value, i) => {
      const plain = value && collapse(value, context.label, context.facts);
      return plain !== null && i < 2 && kind.columns === true ? gatesFirst(context, plain) : plain;
    });
    const x = sequence(context);
    if (!w || !r || w.dims.length !== 3 || r.dims.length !== 3)
      return context.fail("its weights need three dimensions");
    const direction = w.dims[0];
    const hidden = r.dims[2];
    context.fix(direction, "forward and backward in order");
    const gate = gatesOf(context, kind, r.dims[1], hidden);
    const [steps, batch, features] = x.dims;
    const stacked = productOf([gate, hidden]);
    tieAll(context, w, [direction, stacked, features]);
    tieAll(context, r, [direction, stacked, hidden]);
    tieAll(context, bias, [
      direction,
      productOf([fixedAtom(2 * kind.gates, context.label), hidden]),
    ]);
    tieStates(context, kind, [direction, batch], hidden);
    const [input, recurrent] = [
      context.regroup(w, [direction, gate, hidden, features]),
      context.regroup(r, [direction, gate, hidden, hidden]),
    ];
    const made = recur(context, { x, input, recurrent, outer: [direction] }, lawOf(context, kind));
    const all = context.output(0, [steps, direction, batch, hidden]);
    const last = Array.from({ length: kind.states }, (_, i) => i + 1)
      .filter((i) => i < context.node.outputs.length)
      .map((i) => context.output(i, [direction, batch, hidden]));
    if (made !== null) simple(context, made, bias, all, last);
  };
}

/** The input of the layer: [steps, batch, features]. */
function sequence(context: NodeContext): Value {
  const x = collapse(context.need(0), context.label, context.facts);
  if (x.dims.length !== 3) context.fail("its input needs three dimensions");
  context.fix(x.dims[0], "time runs along this axis");
  context.mix(x, [0]);
  return x;
}

function gatesOf(context: NodeContext, { gates }: Kind, rows: Atom, hidden: Atom): Atom {
  if (rows.size !== gates * hidden.size)
    context.fail(`${rows.size} rows are not ${gates} gates of ${hidden.size}`);
  return fixedAtom(gates, context.label);
}

/** Lengths, initial states and peepholes. A state of equal numbers ties nothing. */
function tieStates(
  context: NodeContext,
  { states }: Kind,
  outer: readonly Atom[],
  hidden: Atom,
): void {
  const [direction, batch] = outer;
  tieAll(context, context.input(4), [batch]);
  for (const position of states === 2 ? [5, 6] : [5]) {
    const state = context.input(position);
    if (state?.entry === null)
      tieAll(context, collapse(state, context.label, context.facts), [direction, batch, hidden]);
  }
  if (states === 2)
    tieAll(context, context.input(7), [
      direction,
      productOf([fixedAtom(3, context.label), hidden]),
    ]);
}

/** Every direction has weights and a hidden axis of its own. */
function separateDirections(context: NodeContext, kind: Kind, count: number): void {
  const x = sequence(context);
  const [steps, batch, features] = x.dims;
  const direction = fixedAtom(count, context.label);
  const made = Array.from({ length: count }, (_, which): Value => {
    const [w, r, bias] = [1, 2, 3].map((i) => context.input(i)?.stack?.members[which] ?? null);
    if (!w || !r || w.dims.length !== 2 || r.dims.length !== 2)
      return context.fail("its weights need three dimensions");
    const hidden = r.dims[1];
    const gate = gatesOf(context, kind, r.dims[0], hidden);
    tieAll(context, w, [productOf([gate, hidden]), features]);
    tieAll(context, r, [productOf([gate, hidden]), hidden]);
    tieAll(context, bias, [productOf([fixedAtom(2 * kind.gates, context.label), hidden])]);
    tieStates(context, kind, [direction, batch], hidden);
    if (bias !== null) context.facts.push({ kind: "opaque", value: bias });
    const [input, recurrent] = [
      context.regroup(w, [gate, hidden, features]),
      context.regroup(r, [gate, hidden, hidden]),
    ];
    recur(context, { x, input, recurrent, outer: [] }, null);
    const output: Value = { ...x, origin: "computed", numbers: null, dims: [steps, batch, hidden] };
    context.facts.push({ kind: "opaque", value: output });
    return output;
  });
  if (made.some(({ dims }) => dims[2].size !== made[0].dims[2].size))
    context.fail("its directions differ in size");
  publishStack(context, 0, 1, made);
  for (let i = 1; i <= kind.states; i++) {
    if (i >= context.node.outputs.length) continue;
    const last = made.map((value): Value => ({ ...value, dims: value.dims.slice(1) }));
    for (const value of last) context.facts.push({ kind: "opaque", value });
    publishStack(context, i, 0, last);
  }
}

function tieAll(context: NodeContext, value: Value | null, dims: readonly Atom[]): void {
  if (value === null) return;
  if (value.dims.length !== dims.length)
    context.fail(`a weight has ${value.dims.length} dimensions, expected ${dims.length}`);
  for (const [i, dim] of dims.entries()) context.tie(value.dims[i], dim);
}

interface Products {
  readonly x: Value;
  /** [...outer, gate, hidden, features] */
  readonly input: Value;
  /** [...outer, gate, hidden, hidden] */
  readonly recurrent: Value;
  readonly outer: readonly Atom[];
}

/** What a layer without gates does to a sum, when its activation lets signs or factors pass; null for all other layers. */
function lawOf(context: NodeContext, { gates }: Kind): PointwiseLaw | null {
  const given = context.node.attributes.get("activations");
  const names = given?.kind === "texts" ? given.value : ["Tanh"];
  if (gates !== 1 || context.node.attributes.has("clip")) return null;
  if (names.every((name) => name === "Tanh")) return "odd";
  return names.every((name) => name === "Relu") ? "homogeneous" : null;
}

/** A layer without gates. */
interface Simple {
  readonly law: PointwiseLaw;
  /** Input times weights: [steps, batch, direction, 1, hidden]. */
  readonly made: Value;
  /** [direction, batch, hidden] */
  readonly state: Value;
  /** State times recurrent weights: [direction, batch, 1, hidden]. */
  readonly next: Value;
}

/** The state is the activation of the sum of both products and the biases. */
function simple(
  context: NodeContext,
  { law, made, state, next }: Simple,
  bias: Value | null,
  all: Value,
  last: readonly Value[],
): void {
  const [, batch, direction, gate, hidden] = made.dims;
  const value = (dims: readonly Atom[]): Value => ({ ...made, dims });
  const across = value([batch, direction, gate, hidden]);
  context.carry(next, across, [
    [0, 1],
    [1, 0],
    [2, 2],
    [3, 3],
  ]);
  const summed = [made, across];
  if (bias !== null) {
    const two = fixedAtom(2, context.label);
    const added = { ...value([direction, gate, hidden]), origin: bias.origin };
    context.carry(context.regroup(bias, [direction, two, hidden]), added, [
      [0, 0],
      [2, 2],
    ]);
    summed.push(added);
  }
  const [before, after] = [value(made.dims), value(made.dims)];
  context.pointwise("linear", summed, before);
  context.pointwise(law, [before], after);
  const begun = context.input(5);
  const ends = [state, ...last, ...(begun === null || begun.entry === 0 ? [] : [begun])];
  for (const end of ends)
    context.carry(after, end, [
      [1, 1],
      [2, 0],
      [4, 2],
    ]);
  context.carry(after, all, [
    [0, 0],
    [1, 2],
    [2, 1],
    [4, 3],
  ]);
}

/**
 * The two products inside: input by weights, and hidden state by recurrent weights, one direction at a time. Gates scale by
 * nothing; a layer without gates, whose activation has a law, is returned for its sum to be followed.
 */
function recur(
  context: NodeContext,
  { x, input, recurrent, outer }: Products,
  law: PointwiseLaw | null,
): Simple | null {
  const [steps, batch] = x.dims;
  const n = outer.length;
  const [gate, hidden] = input.dims.slice(n);
  const blank: Value = { ...x, origin: "computed", numbers: null, entry: null, stack: null };
  const made: Value = { ...blank, dims: [steps, batch, ...outer, gate, hidden] };
  const rows = input.dims.slice(0, -1).map((_, i): DimPair => [i, i + 2]);
  context.contract({
    left: x,
    right: input,
    output: made,
    contracted: [[2, n + 2]],
    leftOut: [
      [0, 0],
      [1, 1],
    ],
    rightOut: rows,
  });
  const state: Value = { ...blank, dims: [...outer, batch, hidden] };
  const next: Value = { ...blank, dims: [...outer, batch, gate, hidden] };
  const ahead = outer.map((_, i): DimPair => [i, i]);
  context.contract({
    left: state,
    right: recurrent,
    output: next,
    contracted: [[n + 1, n + 2]],
    leftOut: [...ahead, [n, n]],
    rightOut: [...ahead, [n, n + 1], [n + 1, n + 2]],
  });
  if (law !== null) return { law, made, state, next };
  // Gates scale by nothing, and with them the rows of the weights; the features of the input may.
  for (const value of [made, state, next, recurrent]) context.facts.push({ kind: "opaque", value });
  return null;
}

export const recurrent: Handlers = {
  LSTM: layer({ gates: 4, states: 2 }),
  GRU: layer({ gates: 3, states: 1 }),
  RNN: layer({ gates: 1, states: 1 }),
};

/** By their names in the domain com.microsoft. */
export const recurrentMicrosoft: Handlers = { DynamicQuantizeLSTM: quantisedLayer };
