// Operations that rearrange dimensions and keep entries: reshapes, transposes, copies, depth to space.

import { formatShape, sizeOf } from "../../core/shapes.ts";
import { type Atom, newAtom, productOf, unit } from "../index-sets/atoms.ts";
import { fixedAtom, type NodeContext } from "../walk/context.ts";
import { shapeOfValue, type Value } from "../walk/value.ts";
import { dealOut } from "./deal-out.ts";
import { mergeStack } from "./directions.ts";
import { collapse, resizeStack, separate, transposeStack } from "./dialects/fused.ts";
import { type Handlers, identityPairs, pairsBy } from "./handler.ts";
import { mergeGroups, separateGroups } from "./shuffle.ts";

function reshapeTo(context: NodeContext, given: Value, sizes: readonly number[]): void {
  if (
    !sizes.every((size) => Number.isSafeInteger(size) && size >= 0) ||
    sizeOf(sizes) !== sizeOf(shapeOfValue(given))
  )
    context.fail(`${formatShape(shapeOfValue(given))} does not reshape to ${formatShape(sizes)}`);
  if (mergeGroups(context, given, sizes)) return;
  const x = mergeStack(context, given, sizes);
  if (x === null || separateGroups(context, x, sizes)) return;
  const separated = separate(context, x, sizes);
  if (separated !== null) return;
  const output = context.output(0, dealOut(context, x.dims, sizes));
  context.facts.push({ kind: "regroup", from: x, to: output });
}

function reshape(context: NodeContext): void {
  const x = context.need(0);
  const wanted =
    context.numbers("shape") ??
    context.parameter(1) ??
    context.decline("a shape that is computed from data");
  const keepZero = context.number("allowzero", 0) !== 0;
  const sizes = wanted.map((size, i) =>
    size === 0 && !keepZero ? (x.dims.at(i)?.size ?? 0) : size,
  );
  const known = sizes.filter((size) => size !== -1);
  if (known.length < sizes.length - 1) context.fail("more than one -1 in its shape");
  const total = sizeOf(shapeOfValue(x));
  const product = sizeOf(known);
  reshapeTo(
    context,
    x,
    sizes.map((size) => (size === -1 ? (product === 0 ? 0 : total / product) : size)),
  );
}

function flatten(context: NodeContext): void {
  const x = context.need(0);
  const shape = shapeOfValue(x);
  const index = context.number("axis", 1);
  const axis = index === x.dims.length ? index : context.axis(index, x.dims.length);
  reshapeTo(context, x, [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))]);
}

function squeeze(context: NodeContext): void {
  const given = context.need(0);
  if (resizeStack(context, given)) return;
  const x = collapse(given, context.label, context.facts);
  const listed = context.numbers("axes") ?? context.parameter(1);
  if (listed === null && context.input(1) !== null)
    context.decline("axes that are computed from data");
  const axes =
    listed?.map((index) => context.axis(index, x.dims.length)) ??
    x.dims.flatMap(({ size }, i) => (size === 1 ? [i] : []));
  for (const axis of axes)
    if (x.dims[axis].size !== 1) context.fail(`axis ${axis} has size ${x.dims[axis].size}, not 1`);
  const kept = x.dims.map((_, i) => i).filter((i) => !axes.includes(i));
  const dims = kept.map((i) => x.dims[i]);
  if (x.picked !== null) return void context.output(0, dims, { picked: x.picked });
  const output = context.output(0, dims);
  context.carry(
    x,
    output,
    pairsBy(x, (i) => (axes.includes(i) ? null : kept.indexOf(i))),
  );
}

function unsqueeze(context: NodeContext): void {
  const given = context.need(0);
  if (resizeStack(context, given)) return;
  const x = collapse(given, context.label, context.facts);
  const listed =
    context.numbers("axes") ??
    context.parameter(1) ??
    context.decline("axes that are computed from data");
  const rank = x.dims.length + listed.length;
  const axes = new Set(listed.map((index) => context.axis(index, rank)));
  if (axes.size !== listed.length) context.fail("it lists an axis twice");
  const places = Array.from({ length: rank }, (_, i) => i).filter((i) => !axes.has(i));
  const output = context.output(
    0,
    Array.from({ length: rank }, (_, i) => (axes.has(i) ? unit : x.dims[places.indexOf(i)])),
  );
  context.carry(
    x,
    output,
    places.map((to, from) => [from, to] as const),
  );
}

function transpose(context: NodeContext): void {
  const x = context.need(0);
  const rank = x.dims.length;
  const order = context.numbers("perm") ?? x.dims.map((_, i) => rank - 1 - i);
  if (
    order.length !== rank ||
    new Set(order).size !== rank ||
    order.some((i) => !(i >= 0 && i < rank))
  )
    context.fail(`it reorders ${rank} dimensions by [${order.join(", ")}]`);
  if (x.stack !== null) return transposeStack(context, x, order);
  const output = context.output(
    0,
    order.map((i) => x.dims[i]),
  );
  context.carry(
    x,
    output,
    order.map((from, to) => [from, to] as const),
  );
}

/** Copies along new or size-1 axes: the copies are alike, so their axis is free. */
function expand(context: NodeContext): void {
  const x = context.need(0);
  const shape = context.parameter(1) ?? context.decline("a shape that is computed from data");
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    context.fail(`it expands to ${formatShape(shape)}`);
  const rank = Math.max(shape.length, x.dims.length);
  const dims = Array.from({ length: rank }, (_, at): Atom => {
    const dim = x.dims.at(at - rank) ?? unit;
    const wanted = shape.at(at - rank) ?? 1;
    if (dim.size !== 1 && wanted !== 1 && dim.size !== wanted)
      context.fail(`${formatShape(shapeOfValue(x))} does not expand to ${formatShape(shape)}`);
    return dim.size === 1 ? newAtom(wanted) : dim;
  });
  const offset = rank - x.dims.length;
  context.carry(
    x,
    context.output(0, dims),
    pairsBy(x, (i) => (x.dims[i].size === 1 ? null : i + offset)),
  );
}

/** Operator sets before 6 name one axis and how often it is repeated. */
function repeatsOf(context: NodeContext, x: Value): readonly number[] {
  const given = context.parameter(1) ?? context.decline("repeats that are computed from data");
  if (context.input(2) === null) return given;
  const axis = context.parameter(2)?.[0] ?? context.decline("an axis that is computed from data");
  const at = context.axis(axis, x.dims.length);
  return x.dims.map((_, i) => (i === at ? given[0] : 1));
}

function tile(context: NodeContext): void {
  const x = context.need(0);
  const repeats = repeatsOf(context, x);
  if (repeats.length !== x.dims.length || !repeats.every((n) => Number.isSafeInteger(n) && n >= 0))
    context.fail(`${repeats.length} repeats for ${x.dims.length} dimensions`);
  const dims = x.dims.map((dim, i) =>
    repeats[i] === 0 ? newAtom(0) : productOf([newAtom(repeats[i]), dim]),
  );
  context.carry(x, context.output(0, dims), identityPairs(x));
}

/** Channels become blocks of the image (`mode` says on which side of the channel the block sits) or the other way. */
function depthToSpace(context: NodeContext): void {
  const x = context.need(0);
  const block = context.number("blocksize", 0);
  if (x.dims.length !== 4 || !(block >= 1) || !Number.isInteger(block))
    context.fail("it needs four dimensions and a block size");
  const [n, c, h, w] = x.dims;
  for (const dim of [h, w]) context.fix(dim, "positions are interleaved");
  const channels = c.size / (block * block);
  if (!Number.isInteger(channels))
    context.fail(`${c.size} channels do not make blocks of ${block} x ${block}`);
  const inside = fixedAtom(block * block, context.label);
  const channel = newAtom(channels);
  const blockFirst = context.text("mode", "DCR") === "DCR";
  context.tie(c, productOf(blockFirst ? [inside, channel] : [channel, inside]));
  const view = context.regroup(x, [
    n,
    ...(blockFirst ? [inside, channel] : [channel, inside]),
    h,
    w,
  ]);
  const output = context.output(0, [
    n,
    channel,
    fixedAtom(h.size * block, context.label),
    fixedAtom(w.size * block, context.label),
  ]);
  context.carry(view, output, [
    [0, 0],
    [blockFirst ? 2 : 1, 1],
  ]);
}

function spaceToDepth(context: NodeContext): void {
  const x = context.need(0);
  const block = context.number("blocksize", 0);
  if (x.dims.length !== 4 || !(block >= 1) || !Number.isInteger(block))
    context.fail("it needs four dimensions and a block size");
  const [n, c, h, w] = x.dims;
  for (const dim of [h, w]) {
    context.fix(dim, "positions are interleaved");
    if (dim.size % block !== 0)
      context.fail(`${dim.size} positions do not make blocks of ${block}`);
  }
  const inside = fixedAtom(block * block, context.label);
  const dims = [
    n,
    productOf([inside, c]),
    fixedAtom(h.size / block, context.label),
    fixedAtom(w.size / block, context.label),
  ];
  const output = context.output(0, dims);
  context.carry(x, output, [
    [0, 0],
    [1, 1],
  ]);
}

export const reshaping: Handlers = {
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Expand: expand,
  Tile: tile,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
};
