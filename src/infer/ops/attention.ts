// Attention and rotary embedding as single operations (operator set 23): heads are permuted, the spaces inside a head of
// queries with keys and of values with outputs are free of each other; query heads lie within their key and value head.

import { type Atom, newAtom, productOf } from "../index-sets/atoms.ts";
import { fixedAtom, type NodeContext } from "../walk/context.ts";
import { shapeOfValue, type Value } from "../walk/value.ts";
import { type Handlers, turned } from "./handler.ts";

interface Heads {
  /** [batch, positions, outer..., inside] */
  readonly value: Value;
  readonly batch: Atom;
  readonly positions: Atom;
}

/** The entries of [batch, heads, positions, inside] or [batch, positions, heads * inside] by head. */
function byHead(context: NodeContext, x: Value, outer: readonly Atom[], inside: Atom): Heads {
  if (x.dims.length === 4) {
    const [batch, heads, positions, last] = x.dims;
    context.tie(heads, productOf(outer));
    context.tie(last, inside);
    const moved = turned(context, x, [0, 2, 1, 3]);
    const value = context.regroup(moved, [batch, positions, ...outer, inside]);
    return { value, batch, positions };
  }
  const [batch, positions, all] = x.dims;
  context.tie(all, productOf([...outer, inside]));
  return { value: context.regroup(x, [batch, positions, ...outer, inside]), batch, positions };
}

/** Heads and their size, from the shape or the attribute. */
function headsOf(context: NodeContext, x: Value, attribute: string): readonly [number, number] {
  const shape = shapeOfValue(x);
  if (shape.length === 4) return [shape[1], shape[3]];
  const heads = context.number(attribute, 0);
  if (shape.length !== 3 || !(heads >= 1) || !Number.isInteger(shape[2] / heads))
    context.fail(`an input of ${shape.length} dimensions does not fall into ${heads} heads`);
  return [heads, shape[2] / heads];
}

/** Products of [batch, from, head, each, inside] with [batch, to, head, inside]: [batch, head, each, from, to]. */
function scoresOf(context: NodeContext, q: Value, k: Value): Value {
  const [batch, from, head, each] = q.dims;
  const scores: Value = {
    ...q,
    origin: "computed",
    dims: [batch, head, each, from, k.dims[1]],
  };
  context.contract({
    left: q,
    right: k,
    output: scores,
    contracted: [[4, 3]],
    leftOut: [
      [0, 0],
      [1, 3],
      [2, 1],
      [3, 2],
    ],
    rightOut: [
      [0, 0],
      [1, 4],
      [2, 1],
    ],
  });
  return scores;
}

/** Values [batch, to, head, inside] summed by scores: [batch, head, each, from, inside]. */
function mixValues(context: NodeContext, scores: Value, v: Value): Value {
  const [batch, head, each, from] = scores.dims;
  const mixed: Value = { ...scores, dims: [batch, head, each, from, v.dims[3]] };
  context.contract({
    left: scores,
    right: v,
    output: mixed,
    contracted: [[4, 1]],
    leftOut: [
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 3],
    ],
    rightOut: [
      [0, 0],
      [2, 1],
      [3, 4],
    ],
  });
  return mixed;
}

/** What an attention layer is given. */
export interface Attended {
  /** Each [batch, positions, heads * inside], or [batch, heads, positions, inside]. */
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
  readonly queryHeads: number;
  /** Of keys and values. */
  readonly keyHeads: number;
  /** Entries inside a head of queries and keys, and of values. */
  readonly size: number;
  readonly valueSize: number;
  /** Each stands over [batch, heads, from, to], aligned from the right. */
  readonly masks: readonly Value[];
  readonly isCausal: boolean;
}

/** The first output, in the form of the queries. */
export function attend(context: NodeContext, given: Attended): void {
  const { query, key, value, queryHeads, keyHeads } = given;
  const head = newAtom(keyHeads);
  const each = newAtom(queryHeads / keyHeads);
  const inside = newAtom(given.size);
  const made = newAtom(given.valueSize);
  const q = byHead(context, query, [head, each], inside);
  const k = byHead(context, key, [head], inside);
  const v = byHead(context, value, [head], made);
  for (const other of [k, v]) context.tie(q.batch, other.batch);
  context.tie(k.positions, v.positions);
  const scores = scoresOf(context, q.value, k.value);
  const [batch, , , from, to] = scores.dims;
  context.mix(scores, [4]);
  context.facts.push({ kind: "opaque", value: scores });
  if (given.isCausal) for (const dim of [from, to]) context.fix(dim, "positions look back");
  for (const one of given.masks) mask(context, one, [batch, productOf([head, each]), from, to]);
  const mixed = mixValues(context, scores, v.value);
  publish(context, mixed, query.dims.length === 4);
}

function attention(context: NodeContext): void {
  const [query, key, value] = [context.need(0), context.need(1), context.need(2)];
  const { outputs } = context.node;
  if (outputs.slice(1).some((name) => name !== "") || context.input(4) !== null)
    context.decline("a cache of keys and values");
  const [queryHeads, size] = headsOf(context, query, "q_num_heads");
  const [keyHeads, keySize] = headsOf(context, key, "kv_num_heads");
  const [valueHeads, valueSize] = headsOf(context, value, "kv_num_heads");
  if (keySize !== size || valueHeads !== keyHeads || queryHeads % keyHeads !== 0)
    context.fail("queries, keys and values do not fit each other");
  const isCausal = context.number("is_causal", 0) !== 0;
  const heads = { queryHeads, keyHeads, size, valueSize };
  const masks = [context.input(3)].filter((one) => one !== null);
  attend(context, { query, key, value, ...heads, masks, isCausal });
}

/** A mask stands over [batch, heads, from, to], aligned from the right. */
function mask(context: NodeContext, given: Value, dims: readonly Atom[]): void {
  for (const [i, dim] of given.dims.entries()) {
    const fullDim = dims.at(i - given.dims.length);
    if (fullDim === undefined) context.fail("the mask has too many dimensions");
    else if (dim.size === 1) continue;
    else if (dim.size === fullDim.size) context.tie(dim, fullDim);
    else for (const one of [dim, fullDim]) context.fix(one, "a mask of another size");
  }
}

/** [batch, head, each, positions, inside] in the form of the queries. */
function publish(context: NodeContext, mixed: Value, isFour: boolean): void {
  const [batch, head, each, positions, inside] = mixed.dims;
  if (isFour) {
    const output = context.output(0, [batch, productOf([head, each]), positions, inside]);
    context.facts.push({ kind: "regroup", from: mixed, to: output });
    return;
  }
  const turned: Value = { ...mixed, dims: [batch, positions, head, each, inside] };
  context.carry(mixed, turned, [
    [0, 0],
    [1, 2],
    [2, 3],
    [3, 1],
    [4, 4],
  ]);
  const output = context.output(0, [batch, positions, productOf([head, each, inside])]);
  context.facts.push({ kind: "regroup", from: turned, to: output });
}

/**
 * Pairs of entries inside a head are turned by the angle of their position into another value: heads pass, pairs stay.
 * @param angles - positions of the inputs that say how far
 */
export function turnByPosition(
  context: NodeContext,
  [x, to]: readonly [from: Value, to: Value],
  [heads, size]: readonly [heads: number, size: number],
  angles: readonly number[],
): void {
  byHead(context, x, [newAtom(heads)], fixedAtom(size, context.label));
  for (const i of angles)
    for (const dim of context.input(i)?.dims ?? []) context.fix(dim, "angles by position");
  context.carry(
    x,
    to,
    x.dims.map((_, i) => [i, i] as const),
  );
}

function rotaryEmbedding(context: NodeContext): void {
  const x = context.need(0);
  const heads = headsOf(context, x, "num_heads");
  turnByPosition(context, [x, context.output(0, x.dims)], heads, [1, 2, 3]);
}

export const attentions: Handlers = { Attention: attention, RotaryEmbedding: rotaryEmbedding };
