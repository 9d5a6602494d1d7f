// Attention as onnxruntime fuses it (domain com.microsoft): with one matrix and bias for queries, keys and values in it, or with
// the three of them given and their biases one behind the other.

import { type Atom, newAtom, sumOf } from "../../index-sets/atoms.ts";
import type { NodeContext } from "../../walk/context.ts";
import type { Value } from "../../walk/value.ts";
import { attend, turnByPosition } from "../attention.ts";
import type { Handlers } from "../handler.ts";

/** Parts of the last dimension of a value that lie one behind the other, of these sizes. */
function partsOf(context: NodeContext, x: Value, sizes: readonly number[]): Value[] {
  const at = x.dims.length - 1;
  const parts = sizes.map((size) => newAtom(size));
  if (sizes.reduce((sum, size) => sum + size, 0) !== x.dims[at].size)
    context.fail(
      `${x.dims[at].size} columns are not queries, keys and values of ${sizes.join(", ")}`,
    );
  context.tie(x.dims[at], sumOf(parts));
  let start = 0;
  return parts.map((part, i) => {
    const piece: Value = { ...x, dims: x.dims.with(at, part), numbers: null, entry: null };
    const pairs = x.dims.map((_, dim) => [dim, dim] as const);
    context.carry(x, piece, pairs, { slice: { dim: at, start } });
    start += sizes[i];
    return piece;
  });
}

/** A value plus a bias along its last dimension. */
function biased(context: NodeContext, x: Value, bias: Value | undefined): Value {
  if (bias === undefined) return x;
  const at = x.dims.length - 1;
  context.tie(x.dims[at], bias.dims[0]);
  const sum: Value = { ...x, origin: "computed", numbers: null, entry: null };
  context.pointwise("linear", [x, bias], sum);
  return sum;
}

/** [batch, positions, from] times [from, to]. */
function projected(context: NodeContext, x: Value, matrix: Value): Value {
  const [batch, positions, from] = x.dims;
  context.tie(from, matrix.dims[0]);
  const dims = [batch, positions, matrix.dims[1]];
  const output: Value = { ...x, origin: "computed", numbers: null, entry: null, dims };
  context.contract({
    left: x,
    right: matrix,
    output,
    contracted: [[2, 0]],
    leftOut: [
      [0, 0],
      [1, 1],
    ],
    rightOut: [[1, 2]],
  });
  return output;
}

/** What stands at these positions of the node is not followed. */
function without(context: NodeContext, positions: readonly number[], what: string): void {
  if (positions.some((position) => context.input(position) !== null)) context.decline(what);
}

/** Which keys count: [batch, keys], or [batch, from, keys]; a length for every example keeps the order of keys. */
function maskOfKeys(context: NodeContext, given: Value | null, batch: Atom, keys: Atom): Value[] {
  if (given === null) return [];
  const [first, ...rest] = given.dims;
  const one = newAtom(1);
  if (given.dims.length === 1 && first.size === batch.size) {
    context.fix(keys, "keys behind a length do not count");
    return [context.regroup(given, [first, one, one, one])];
  }
  const fits = first?.size === batch.size && rest.at(-1)?.size === keys.size;
  if (!fits || rest.length > 2) context.decline("a mask in a form of its own");
  return [context.regroup(given, [first, one, ...(rest.length === 1 ? [one] : []), ...rest])];
}

function attendTo(
  context: NodeContext,
  [query, key, value]: readonly Value[],
  { ofKeys, added }: { readonly ofKeys: number; readonly added: number },
): void {
  if (context.node.outputs.slice(1).some((name) => name !== ""))
    context.decline("a cache of keys and values");
  const heads = context.number("num_heads", 0);
  const [size, keySize, valueSize] = [query, key, value].map(({ dims }) => dims[2].size / heads);
  if (!Number.isInteger(size) || !Number.isInteger(valueSize) || keySize !== size)
    context.fail(`queries, keys and values do not fall into ${heads} heads`);
  const isCausal = context.number("unidirectional", 0) !== 0;
  const sizes = { queryHeads: heads, keyHeads: heads, size, valueSize };
  const keys = maskOfKeys(context, context.input(ofKeys), key.dims[0], key.dims[1]);
  const masks = [...keys, ...[context.input(added)].filter((one) => one !== null)];
  attend(context, { query, key, value, ...sizes, masks, isCausal });
}

/** Attention: one matrix and one bias for queries, keys and values. */
function attention(context: NodeContext): void {
  const x = context.need(0);
  const matrix = context.need(1);
  without(context, [4, 6], "a cache of keys and values");
  if (context.number("do_rotary", 0) !== 0) context.decline("rotary embedding inside of it");
  if (x.dims.length !== 3 || matrix.dims.length !== 2)
    context.fail("it needs an input of 3 dimensions and a matrix");
  const third = matrix.dims[1].size / 3;
  const sizes = context.numbers("qkv_hidden_sizes") ?? [third, third, third];
  if (sizes.length !== 3 || !sizes.every(Number.isSafeInteger))
    context.fail("its matrix does not fall into queries, keys and values");
  const bias = context.input(2);
  const biases = bias === null ? [] : partsOf(context, bias, sizes);
  const made = partsOf(context, matrix, sizes).map((part, i) =>
    biased(context, projected(context, x, part), biases[i]),
  );
  attendTo(context, made, { ofKeys: 3, added: 5 });
}

/** MultiHeadAttention: queries, keys and values, and one bias for all of them. */
function multiHeadAttention(context: NodeContext): void {
  const given = [0, 1, 2].map((position) => {
    const x = context.input(position) ?? context.decline("keys and values packed into one input");
    if (x.dims.length !== 3) context.decline("heads that are stored apart");
    return x;
  });
  without(context, [6, 7, 8, 9], "a cache of keys and values");
  const bias = context.input(3);
  const sizes = given.map(({ dims }) => dims[2].size);
  const biases = bias === null ? [] : partsOf(context, bias, sizes);
  const summed = given.map((x, i) => biased(context, x, biases[i]));
  attendTo(context, summed, { ofKeys: 4, added: 5 });
}

/** Queries, keys and values of GroupQueryAttention, which may be packed one behind the other, turned by position where it says so. */
function grouped(context: NodeContext, queryHeads: number, keyHeads: number) {
  const query = context.need(0);
  const [key, value] = [context.input(1), context.input(2)];
  const isPacked = key === null && value === null;
  const all = isPacked ? queryHeads + 2 * keyHeads : queryHeads;
  const size = (query.dims.at(-1)?.size ?? 0) / all;
  if (
    query.dims.length !== 3 ||
    !Number.isInteger(size) ||
    !Number.isInteger(queryHeads / keyHeads)
  )
    context.fail(`its input does not fall into ${queryHeads} and ${keyHeads} heads`);
  const given = isPacked
    ? partsOf(context, query, [queryHeads * size, keyHeads * size, keyHeads * size])
    : [query, key ?? context.need(1), value ?? context.need(2)];
  if (given.slice(1).some(({ dims }) => dims.length !== 3 || dims[2].size !== keyHeads * size))
    context.fail("queries, keys and values do not fit each other");
  if (context.number("do_rotary", 0) === 0) return { given, size };
  const turned = [queryHeads, keyHeads].map((heads, i) => {
    const to: Value = { ...given[i], origin: "computed", numbers: null, entry: null };
    turnByPosition(context, [given[i], to], [heads, size], [7, 8, 9]);
    return to;
  });
  return { given: [...turned, given[2]], size };
}

/**
 * GroupQueryAttention: several heads of queries for every one of keys and values. What a cache of keys and values holds leaves the
 * network, so that only the heads of queries that share one of them may change places.
 */
function groupQueryAttention(context: NodeContext): void {
  const [queryHeads, keyHeads] = ["num_heads", "kv_num_heads"].map((name) =>
    context.number(name, 0),
  );
  if (!(queryHeads >= 1 && keyHeads >= 1)) context.fail("it needs its numbers of heads");
  without(
    context,
    [11, 12, 13],
    "a head that catches what no key takes, or a cache in whole numbers",
  );
  const { given, size } = grouped(context, queryHeads, keyHeads);
  const [query, key, value] = given;
  const isCached =
    context.node.outputs.slice(1).some((name) => name !== "") ||
    [3, 4].some((position) => context.input(position) !== null);
  for (const one of isCached ? [key, value] : [])
    context.fix(one.dims[2], "its cache leaves the network");
  for (const position of [3, 4, 5, 6])
    for (const dim of context.input(position)?.dims ?? []) context.fix(dim);
  for (const one of given) context.fix(one.dims[1], "positions look back");
  const masks = [context.input(10)].filter((one) => one !== null);
  const sizes = { queryHeads, keyHeads, size, valueSize: size };
  attend(context, { query, key, value, ...sizes, masks, isCausal: true });
}

export const microsoftAttention: Handlers = {
  Attention: attention,
  MultiHeadAttention: multiHeadAttention,
  GroupQueryAttention: groupQueryAttention,
};
