// Channel shuffles: a reshape takes channels apart into groups, a transposition exchanges groups and channels, a reshape
// joins them, so that one channel of every group comes in turn. Groups keep axes of their own, as a stack in between.

import type { OnnxNode } from "../../formats/onnx/onnx-types.ts";
import { type Atom, find, interleavingOf, isFixed, sumOf, termsOf } from "../index-sets/atoms.ts";
import { segmentOf } from "../index-sets/refine.ts";
import type { NodeContext } from "../walk/context.ts";
import { plainValue, shapeOfValue, type Value } from "../walk/value.ts";
import { dealOut } from "./deal-out.ts";
import { groupAround } from "./dialects/fused.ts";
import { publishStack } from "./directions.ts";
import { identityPairs } from "./handler.ts";

/** ShuffleNets have at most 8 groups. */
const maxGroups = 16;

/**
 * Publishes a reshaped value as a stack of groups when one dimension falls into two that are exchanged and joined again,
 * and the groups are no copies of one axis; false when it is anything else.
 */
export function separateGroups(context: NodeContext, x: Value, sizes: readonly number[]): boolean {
  if (x.origin === "constant") return false;
  for (const [axis, groups] of sizes.entries()) {
    if (groups < 2 || groups > maxGroups) continue;
    const place = groupAround(shapeOfValue(x), sizes, axis);
    if (place === null || place.to - place.from !== 2 || !isExchanged(context, place.from, sizes))
      continue;
    const { dim, from, to } = place;
    const isOuter = axis === from;
    const pieces = isOuter
      ? consecutive(x.dims[dim], groups, context.label)
      : turnsOf(x.dims[dim], groups);
    if (pieces === null) continue;
    const whole = isOuter ? x : putInOrder(context, x, dim, pieces);
    const before = dealOut(context, x.dims.slice(0, dim), sizes.slice(0, from));
    const after = dealOut(context, x.dims.slice(dim + 1), sizes.slice(to));
    const size = x.dims[dim].size / groups;
    const members = pieces.map((piece, group): Value => {
      const picked = plainValue(x.name, x.dims.with(dim, piece), x.origin);
      context.carry(whole, picked, identityPairs(whole), { slice: { dim, start: group * size } });
      return context.regroup(picked, [...before, piece, ...after]);
    });
    publishStack(context, 0, axis, members);
    return true;
  }
  return false;
}

/** Whether every reader exchanges the dimensions `first` and `first + 1` for a reshape. */
function isExchanged(context: NodeContext, first: number, sizes: readonly number[]): boolean {
  const order = sizes.map((_, i) => (i === first ? first + 1 : i === first + 1 ? first : i));
  const exchanges = ({ op, domain, attributes }: OnnxNode) => {
    const perm = attributes.get("perm");
    return (
      op === "Transpose" &&
      domain === "" &&
      perm?.kind === "numbers" &&
      perm.value.length === order.length &&
      perm.value.every((dim, i) => dim === order[i])
    );
  };
  const readers = context.consumers(context.node.outputs[0]);
  return (
    readers.length > 0 &&
    readers.every((reader) => {
      const ends = context.consumers(reader.outputs[0]);
      return exchanges(reader) && ends.length > 0 && ends.every(({ op }) => op === "Reshape");
    })
  );
}

/** The groups of a concatenation whose terms do not lie across them, or do not fall into groups in any other way. */
function consecutive(dim: Atom, groups: number, reason: string): Atom[] | null {
  const root = find(dim);
  if (root.parts?.kind !== "sum" || isFixed(root)) return null;
  const size = root.size / groups;
  const terms = termsOf(root);
  const ends = new Set<number>();
  let end = 0;
  for (const term of terms) ends.add((end += term.size));
  const isAligned = Array.from({ length: groups }, (_, i) => (i + 1) * size).every((at) =>
    ends.has(at),
  );
  if (!isAligned && terms.every((term) => term.size % size === 0)) return null;
  return Array.from({ length: groups }, (_, i) =>
    segmentOf(root, i * size, (i + 1) * size, reason),
  );
}

/** Every n-th entry from each of the first n on, where those are axes of their own; else null. */
function turnsOf(dim: Atom, n: number): Atom[] | null {
  const root = find(dim);
  if (root.parts === null || root.parts.kind === "product" || isFixed(root)) return null;
  const { kind, parts } = root.parts;
  if (kind === "sum") {
    const ofTerms = parts.map((part) => (part.size % n === 0 ? turnsOf(part, n) : null));
    if (!ofTerms.every((turns) => turns !== null)) return null;
    return Array.from({ length: n }, (_, i) => sumOf(ofTerms.map((turns) => turns[i])));
  }
  const count = parts.length;
  if (count % n === 0)
    return Array.from({ length: n }, (_, i) =>
      interleavingOf(parts.filter((_part, at) => at % n === i)),
    );
  if (n % count !== 0) return null;
  const ofParts = parts.map((part) => turnsOf(part, n / count));
  if (!ofParts.every((turns) => turns !== null)) return null;
  return Array.from({ length: n }, (_, i) => ofParts[i % count][Math.floor(i / count)]);
}

/** The value with what comes in turn one after another. */
function putInOrder(context: NodeContext, x: Value, dim: number, pieces: readonly Atom[]): Value {
  const whole = plainValue(x.name, x.dims.with(dim, sumOf(pieces)), x.origin);
  const deal = { dim, turns: pieces.length, backward: true };
  context.carry(x, whole, identityPairs(x), { deal });
  return whole;
}

/**
 * Publishes a reshape that joins the axis of a stack with the dimension before it: the members in turn. False when the
 * reshape does anything else.
 */
export function mergeGroups(context: NodeContext, x: Value, sizes: readonly number[]): boolean {
  if (x.stack === null || x.stack.axis === 0) return false;
  const { axis, members } = x.stack;
  const shape = shapeOfValue(x);
  const dim = axis - 1;
  const expected = shape.toSpliced(dim, 2, shape[dim] * shape[axis]);
  if (expected.length !== sizes.length || !expected.every((size, i) => size === sizes[i]))
    return false;
  const [first, ...others] = members;
  for (const { dims } of others)
    for (const [i, atom] of dims.entries()) if (i !== dim) context.tie(first.dims[i], atom);
  const parts = members.map(({ dims }) => dims[dim]);
  const joined = plainValue(first.name, first.dims.with(dim, sumOf(parts)), first.origin);
  for (const [i, member] of members.entries())
    context.carry(member, joined, identityPairs(member), {
      place: { dim, start: i * shape[dim] },
    });
  const output = context.output(0, first.dims.with(dim, interleavingOf(parts)));
  const deal = { dim, turns: members.length, backward: false };
  context.carry(joined, output, identityPairs(joined), { deal });
  return true;
}
