// Fused projections such as `3 * head * d`: when a reshape makes a small dimension that is only ever taken apart index
// by index (query, key, value), each index gets layouts of its own, so that nothing ties values to queries.

import { sizeOf } from "../../../core/shapes.ts";
import type { OnnxNode } from "../../../formats/onnx/onnx-types.ts";
import type { NodeContext } from "../../walk/context.ts";
import { fixedAtom } from "../../walk/context.ts";
import { segmentOf, splitInner, unify } from "../../index-sets/refine.ts";
import { type Fact, shapeOfValue, type Value } from "../../walk/value.ts";
import { unit } from "../../index-sets/atoms.ts";
import { identityPairs, pairsBy } from "../handler.ts";
import { dealOut } from "../deal-out.ts";

const maxMembers = 16;
const maxLookahead = 8;

/** Publishes the reshaped value as a stack when one of its dimensions is only taken apart; else null. */
export function separate(context: NodeContext, x: Value, sizes: readonly number[]): Value | null {
  for (const [axis, size] of sizes.entries()) {
    if (size < 2 || size > maxMembers) continue;
    const place = groupAround(shapeOfValue(x), sizes, axis);
    if (
      place === null ||
      !onlyTakenApart(context, context.node.outputs[0], axis, sizes.length, maxLookahead)
    )
      continue;
    const built = buildStack(context, x, sizes, axis, place);
    if (built !== null) return built;
  }
  return null;
}

interface Group {
  /** The one input dimension that the group of output dimensions [from, to) is made of. */
  readonly dim: number;
  readonly from: number;
  readonly to: number;
}

/** The run of output dimensions around `axis` that one input dimension alone is reshaped into. */
export function groupAround(
  shape: readonly number[],
  sizes: readonly number[],
  axis: number,
): Group | null {
  const ends = new Map<number, number>([[1, 0]]);
  let product = 1;
  for (const [i, size] of sizes.entries()) ends.set((product *= size), i + 1);
  let start = 1;
  for (const [dim, size] of shape.entries()) {
    const end = start * size;
    const from = ends.get(start);
    const to = ends.get(end);
    if (size > 1 && from !== undefined && to !== undefined && from <= axis && axis < to)
      return to - from < 2 ? null : { dim, from, to };
    start = end;
  }
  return null;
}

function buildStack(
  context: NodeContext,
  x: Value,
  sizes: readonly number[],
  axis: number,
  group: Group,
): Value | null {
  const inner = sizeOf(sizes.slice(axis + 1, group.to));
  const split = splitInner(x.dims[group.dim], sizes[axis] * inner, context.label);
  if (split === null) return null;
  const [outer, fused] = split;
  const without = (list: readonly number[]) => list.filter((_, i) => i !== axis);
  const before = dealOut(context, x.dims.slice(0, group.dim), sizes.slice(0, group.from));
  const after = dealOut(context, x.dims.slice(group.dim + 1), sizes.slice(group.to));
  const members = Array.from({ length: sizes[axis] }, (_, index): Value => {
    const piece = segmentOf(fused, index * inner, (index + 1) * inner, context.label);
    const dealt = dealOut(context, [outer, piece], without(sizes).slice(group.from, group.to - 1));
    const dims = [...x.dims.slice(0, group.dim), outer, piece, ...x.dims.slice(group.dim + 1)];
    const picked: Value = { ...x, dims, numbers: null };
    const regrouped = context.regroup(x, [
      ...x.dims.slice(0, group.dim),
      outer,
      fused,
      ...x.dims.slice(group.dim + 1),
    ]);
    context.carry(regrouped, picked, identityPairs(regrouped), {
      slice: { dim: group.dim + 1, start: index * inner },
    });
    return context.regroup(picked, [...before, ...dealt, ...after]);
  });
  return context.output(0, placeholder(context, members[0], axis, members.length), {
    stack: { axis, members },
  });
}

function placeholder(context: NodeContext, member: Value, axis: number, size: number) {
  return member.dims.toSpliced(axis, 0, fixedAtom(size, context.label));
}

/** Whether every reader of the value takes the axis apart index by index, perhaps after reordering dimensions. */
function onlyTakenApart(
  context: NodeContext,
  name: string,
  axis: number,
  rank: number,
  depth: number,
): boolean {
  const readers = context.consumers(name);
  return (
    depth > 0 &&
    readers.length > 0 &&
    readers.every((node) => takesApart(context, node, name, axis, rank, depth))
  );
}

function takesApart(
  context: NodeContext,
  node: OnnxNode,
  name: string,
  axis: number,
  rank: number,
  depth: number,
): boolean {
  if (node.domain !== "" || node.inputs[0] !== name) return false;
  const number = (attribute: string) => {
    const found = node.attributes.get(attribute);
    return found?.kind === "number" ? found.value : 0;
  };
  const positive = (number("axis") + rank) % rank;
  if (node.op === "Transpose") {
    const order = node.attributes.get("perm");
    const to = order?.kind === "numbers" ? order.value.indexOf(axis) : rank - 1 - axis;
    return to >= 0 && onlyTakenApart(context, node.outputs[0], to, rank, depth - 1);
  }
  if (node.op === "Unsqueeze" || node.op === "Squeeze") {
    const moved = movedAxis(context, node, axis, rank);
    const change = node.op === "Unsqueeze" ? 1 : -1;
    return (
      moved !== null && onlyTakenApart(context, node.outputs[0], moved, rank + change, depth - 1)
    );
  }
  if (node.op === "Slice") {
    const [start, end, along] = [1, 2, 3].map((i) => context.single(node.inputs[i] ?? ""));
    const step = node.inputs[4] === undefined ? 1 : context.single(node.inputs[4]);
    if (start === undefined || end === undefined || along === undefined || step !== 1) return false;
    return (along + rank) % rank === axis && start >= 0 && end === start + 1;
  }
  if (node.op === "Split") return positive === axis;
  if (node.op === "Gather")
    return positive === axis && context.single(node.inputs[1]) !== undefined;
  return false;
}

/** Where the axis is after one other axis of size 1 came or went; null when more happens. */
function movedAxis(
  context: NodeContext,
  { op, inputs, attributes }: OnnxNode,
  axis: number,
  rank: number,
): number | null {
  const listed = attributes.get("axes");
  const given =
    listed?.kind === "numbers" && listed.value.length === 1
      ? listed.value[0]
      : inputs[1] === undefined
        ? undefined
        : context.single(inputs[1]);
  if (given === undefined) return null;
  if (op === "Unsqueeze") return axis + ((given + rank + 1) % (rank + 1) <= axis ? 1 : 0);
  const gone = (given + rank) % rank;
  return gone === axis ? null : axis - (gone < axis ? 1 : 0);
}

/** Adds or takes away one dimension of size 1, member by member; false when the node does something else. */
export function resizeStack(context: NodeContext, x: Value): boolean {
  const { node } = context;
  const rank = x.dims.length;
  const to = x.stack === null ? null : movedAxis(context, node, x.stack.axis, rank);
  if (x.stack === null || to === null) return false;
  const listed = context.numbers("axes") ?? context.parameter(1) ?? [];
  const grows = node.op === "Unsqueeze";
  const at = context.axis(listed[0], grows ? rank + 1 : rank);
  const inMember = at > to ? at - 1 : at;
  const inside = grows ? inMember : at > x.stack.axis ? at - 1 : at;
  const members = x.stack.members.map((member): Value => {
    const dims = grows ? member.dims.toSpliced(inside, 0, unit) : member.dims.toSpliced(inside, 1);
    if (!grows && member.dims[inside].size !== 1) context.fail(`axis ${at} has not size 1`);
    const resized: Value = { ...member, dims };
    context.carry(
      member,
      resized,
      pairsBy(member, (i) => {
        if (grows) return i < inside ? i : i + 1;
        return i === inside ? null : i < inside ? i : i - 1;
      }),
    );
    return resized;
  });
  context.output(0, placeholder(context, members[0], to, members.length), {
    stack: { axis: to, members },
  });
  return true;
}

/** Reorders the dimensions of a stack, member by member. */
export function transposeStack(context: NodeContext, x: Value, order: readonly number[]): void {
  if (x.stack === null) return;
  const { axis, members } = x.stack;
  const kept = order.filter((i) => i !== axis).map((i) => (i < axis ? i : i - 1));
  const moved = members.map((member): Value => {
    const to: Value = { ...member, dims: kept.map((i) => member.dims[i]) };
    context.carry(
      member,
      to,
      kept.map((from, at) => [from, at] as const),
    );
    return to;
  });
  const at = order.indexOf(axis);
  context.output(0, placeholder(context, moved[0], at, moved.length), {
    stack: { axis: at, members: moved },
  });
}

/** An ordinary value again: the members become one layout, and scale by nothing. */
export function collapse(x: Value, reason: string, facts: Fact[]): Value {
  if (x.stack === null) return x;
  const [first, ...rest] = x.stack.members;
  for (const member of rest) {
    for (const [i, dim] of member.dims.entries()) unify(first.dims[i], dim, reason);
  }
  const unstacked: Value = { ...x, stack: null };
  for (const value of [...x.stack.members, unstacked]) facts.push({ kind: "opaque", value });
  return unstacked;
}
