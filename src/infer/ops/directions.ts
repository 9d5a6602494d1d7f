// Both directions of a recurrent layer whose weights are put together from separate tensors: each direction keeps a
// hidden axis of its own, as a stack along the direction, until something combines the two.

import { sizeOf } from "../../core/shapes.ts";
import { type Atom, productOf, sumOf } from "../index-sets/atoms.ts";
import { fixedAtom, type NodeContext } from "../walk/context.ts";
import { shapeOfValue, type Value } from "../walk/value.ts";
import { collapse } from "./dialects/fused.ts";
import { identityPairs, pairsBy } from "./handler.ts";

const layers = new Set(["LSTM", "GRU", "RNN"]);

/** Publishes a stack when tensors of size 1 along the first axis are joined for recurrent layers only. */
export function stackDirections(context: NodeContext): boolean {
  const { inputs, node } = context;
  const [first] = inputs;
  if (inputs.length < 2 || first.dims.length === 0) return false;
  if (context.axis(context.number("axis", 0), first.dims.length) !== 0) return false;
  if (inputs.some(({ dims }) => dims.length !== first.dims.length || dims[0].size !== 1))
    return false;
  const [name] = node.outputs;
  const readers = context.consumers(name);
  const fits = readers.every(
    ({ op, domain, inputs: read }) =>
      domain === "" &&
      layers.has(op) &&
      read.every((one, at) => one !== name || (at >= 1 && at <= 3)),
  );
  if (!fits || readers.length === 0) return false;
  const members = inputs.map((value): Value => {
    const member = { ...value, dims: value.dims.slice(1), numbers: null };
    context.carry(
      value,
      member,
      pairsBy(value, (i) => (i === 0 ? null : i - 1)),
    );
    return member;
  });
  publishStack(context, 0, 0, members);
  return true;
}

/** Publishes members side by side along an axis. */
export function publishStack(
  context: NodeContext,
  position: number,
  axis: number,
  members: readonly Value[],
): void {
  const dims = members[0].dims.toSpliced(axis, 0, fixedAtom(members.length, context.label));
  context.output(position, dims, { stack: { axis, members } });
}

/**
 * A reshape that merges the axis of a stack with the dimensions behind it: the members end to end. Returns the ordinary
 * value when the reshape does anything else.
 */
export function mergeStack(context: NodeContext, x: Value, sizes: readonly number[]): Value | null {
  if (x.stack === null) return x;
  const { axis, members } = x.stack;
  const shape = shapeOfValue(x);
  const merged = shape.length - sizes.length + 1;
  const expected = [
    ...shape.slice(0, axis),
    sizeOf(shape.slice(axis, axis + merged)),
    ...shape.slice(axis + merged),
  ];
  if (
    merged < 2 ||
    expected.length !== sizes.length ||
    !expected.every((size, i) => size === sizes[i])
  )
    return collapse(x, context.label, context.facts);
  const flat = members.map((member) => {
    const inner = productOf(member.dims.slice(axis, axis + merged - 1));
    return context.regroup(member, member.dims.toSpliced(axis, merged - 1, inner));
  });
  for (const { dims } of flat.slice(1)) {
    for (const [i, dim] of dims.entries()) if (i !== axis) context.tie(flat[0].dims[i], dim);
  }
  const joined: Atom = sumOf(flat.map(({ dims }) => dims[axis]));
  const output = context.output(0, flat[0].dims.with(axis, joined));
  let start = 0;
  for (const value of flat) {
    context.carry(value, output, identityPairs(value), { place: { dim: axis, start } });
    start += value.dims[axis].size;
  }
  return null;
}
