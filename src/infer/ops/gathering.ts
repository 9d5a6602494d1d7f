// Table lookups: Gather with known neighbouring indices is a cut; any other lookup fixes the positions it looks up.

import { type Atom, unit } from "../index-sets/atoms.ts";
import type { NodeContext } from "../walk/context.ts";
import { pick } from "../walk/fold.ts";
import { segmentOf } from "../index-sets/refine.ts";
import type { Value } from "../walk/value.ts";
import { isRejoined, rangeOfAxis } from "./rejoin.ts";
import { type Handlers, identityPairs, type DimPair, pairsBy } from "./handler.ts";

/** One index of a stack, with or without a dimension of size 1 in its place. */
export function publishMember(
  context: NodeContext,
  member: Value,
  axis: number,
  position: number,
  keep: boolean,
): void {
  const dims = keep ? member.dims.toSpliced(axis, 0, unit) : member.dims;
  context.carry(
    member,
    context.output(position, dims),
    pairsBy(member, (i) => (keep && i >= axis ? i + 1 : i)),
  );
}

/** One index that will be put beside the others again. */
function publishPick(context: NodeContext, source: Value, axis: number, index: number): void {
  context.output(0, source.dims.toSpliced(axis, 1), { picked: { source, axis, index } });
}

/** One index of values that lie end to end: an index of the value that holds it. */
function pickPart(
  context: NodeContext,
  { axis, parts }: NonNullable<Value["joined"]>,
  index: number,
  sizeOfAxis: number,
): void {
  let start = 0;
  let at = 0;
  while (index >= start + parts[at].dims[axis].size) start += parts[at++].dims[axis].size;
  const part = parts[at];
  const { size } = part.dims[axis];
  const local = index - start;
  if (isRejoined(context, { full: sizeOfAxis, start, size }))
    return publishPick(context, part, axis, local);
  context.fix(part.dims[axis], "entries are looked up by position");
  const output = context.output(0, part.dims.toSpliced(axis, 1));
  const pairs = pairsBy(part, (i) => (i === axis ? null : i < axis ? i : i - 1));
  context.carry(part, output, pairs, { slice: { dim: axis, start: local } });
}

function gather(context: NodeContext): void {
  const x = context.need(0);
  const indices = context.need(1);
  const axis = context.axis(context.number("axis", 0), x.dims.length);
  const { size } = x.dims[axis];
  const known =
    indices.numbers === null ? null : [...indices.numbers.data].map((i) => (i < 0 ? i + size : i));
  if (known?.some((i) => !Number.isInteger(i) || i < 0 || i >= size))
    context.fail(`an index is out of range for ${size} entries`);
  if (x.stack !== null) {
    if (x.stack.axis !== axis || known?.length !== 1 || indices.dims.length > 1)
      return context.decline("a fused projection in this form");
    return publishMember(context, x.stack.members[known[0]], axis, 0, indices.dims.length === 1);
  }
  if (x.joined !== null) {
    if (known?.length !== 1 || indices.dims.length !== 0)
      return context.decline("a concatenation of which single indices are read");
    return pickPart(context, x.joined, known[0], size);
  }
  if (known?.length === 1 && indices.dims.length === 0 && isRejoined(context, rangeOfAxis(size)))
    return publishPick(context, x, axis, known[0]);
  const around = (middle: readonly Atom[]) => [
    ...x.dims.slice(0, axis),
    ...middle,
    ...x.dims.slice(axis + 1),
  ];
  const shift = indices.dims.length - 1;
  const pairs = pairsBy(x, (i) => (i === axis ? null : i < axis ? i : i + shift));
  const numbers = known === null ? null : pick(x, axis, known);
  const contiguous =
    known !== null && known.length > 0 && known.every((index, i) => index === known[0] + i);
  if (contiguous && indices.dims.length <= 1) {
    for (const dim of indices.dims) context.fix(dim);
    const middle = segmentOf(x.dims[axis], known[0], known[0] + known.length, context.label);
    const output = context.output(
      0,
      around(indices.dims.length === 0 ? [] : [middle]),
      numbers ? { numbers } : {},
    );
    const all: DimPair[] = indices.dims.length === 0 ? pairs : identityPairs(x);
    context.carry(x, output, all, { slice: { dim: axis, start: known[0] } });
    return;
  }
  context.fix(x.dims[axis], "entries are looked up by position");
  const output = context.output(0, around(indices.dims), numbers ? { numbers } : {});
  context.mix(x, [axis]);
  context.carry(x, output, pairs);
}

/** A table lookup whose result is no longer than its indices: positions along the axis are fixed, others pass. */
function gatherElements(context: NodeContext): void {
  const x = context.need(0);
  const indices = context.need(1);
  const axis = context.axis(context.number("axis", 0), x.dims.length);
  if (indices.dims.length !== x.dims.length)
    context.fail("data and indices have different numbers of dimensions");
  for (const [i, dim] of x.dims.entries()) {
    if (i !== axis && dim.size === indices.dims[i].size) context.tie(dim, indices.dims[i]);
    else
      for (const one of [dim, indices.dims[i]])
        context.fix(one, "entries are looked up by position");
  }
  context.mix(x, [axis]);
  context.output(0, indices.dims);
}

export const gathering: Handlers = { Gather: gather, GatherElements: gatherElements };
