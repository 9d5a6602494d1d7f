// Concatenations and their inverses: Concat joins axes end to end; Split and Slice cut them.

import { type Atom, newAtom, sumOf, unit } from "../index-sets/atoms.ts";
import { fixedAtom, type NodeContext } from "../walk/context.ts";
import { pick } from "../walk/fold.ts";
import { segmentOf, splitInner } from "../index-sets/refine.ts";
import { shapeOfValue, type Value } from "../walk/value.ts";
import { publishMember } from "./gathering.ts";
import { collapse } from "./dialects/fused.ts";
import { isOnlyPicked, isRejoined, rangeOfAxis, rejoin } from "./rejoin.ts";
import { stackDirections } from "./directions.ts";
import { type Handlers, identityPairs } from "./handler.ts";

function concat(context: NodeContext): void {
  if (context.inputs.length === 0) context.fail("it needs an input");
  if (stackDirections(context)) return;
  const inputs = rejoin(context);
  const [first] = inputs;
  const axis = context.axis(context.number("axis", context.opset < 4 ? 1 : 0), first.dims.length);
  for (const value of inputs.slice(1))
    if (value.dims.length !== first.dims.length)
      context.fail("its inputs have different numbers of dimensions");
  if (joinApart(context, inputs, axis)) return;
  for (const value of inputs.slice(1)) {
    for (const [i, dim] of value.dims.entries()) if (i !== axis) context.tie(first.dims[i], dim);
  }
  const joined = inputs.map((value) => value.dims[axis]).filter(({ size }) => size > 0);
  const output = context.output(
    0,
    first.dims.with(axis, joined.length === 0 ? newAtom(0) : sumOf(joined)),
  );
  let start = 0;
  for (const value of inputs) {
    context.carry(value, output, identityPairs(value), { place: { dim: axis, start } });
    start += value.dims[axis].size;
  }
}

/** Values of which single indices are read later keep their axes apart; false when the whole is read. */
function joinApart(context: NodeContext, inputs: readonly Value[], axis: number): boolean {
  const sizes = inputs.map(({ dims }) => dims[axis].size);
  const size = sizes.reduce((sum, one) => sum + one, 0);
  const isComputed = inputs.every(({ origin }) => origin === "computed");
  const fits = inputs.every(({ dims }) =>
    dims.every((dim, i) => i === axis || dim.size === inputs[0].dims[i].size),
  );
  if (inputs.length < 2 || !isComputed || !fits || !isOnlyPicked(context, axis, size)) return false;
  const dims = inputs[0].dims.map(({ size: dimSize }, i) =>
    fixedAtom(i === axis ? size : dimSize, context.label),
  );
  context.output(0, dims, { joined: { axis, parts: inputs } });
  return true;
}

/** Publishes the segment [start, end) along an axis. */
function publishSegment(
  context: NodeContext,
  x: Value,
  axis: number,
  position: number,
  start: number,
  end: number,
): void {
  const numbers = pick(
    x,
    axis,
    Array.from({ length: Math.max(0, Math.min(end - start, 5000)) }, (_, i) => start + i),
  );
  const dims = x.dims.with(axis, segmentOf(x.dims[axis], start, end, context.label));
  const output = context.output(position, dims, numbers ? { numbers } : {});
  context.carry(x, output, identityPairs(x), { slice: { dim: axis, start } });
}

function split(context: NodeContext): void {
  const x = context.need(0);
  const axis = context.axis(context.number("axis", 0), x.dims.length);
  const { outputs } = context.node;
  const { size } = x.dims[axis];
  const even = Math.ceil(size / Math.max(1, outputs.length));
  const listed = context.numbers("split") ?? context.parameter(1);
  if (listed === null && context.input(1) !== null)
    context.decline("sizes that are computed from data");
  const sizes = listed ?? outputs.map((_, i) => Math.min(even, size - i * even));
  if (
    sizes.length < outputs.length ||
    !sizes.every((one) => Number.isInteger(one) && one >= 0) ||
    sizes.reduce((a, b) => a + b, 0) !== size
  )
    context.fail(`${size} entries do not split into [${sizes.join(", ")}]`);
  if (x.stack !== null && x.stack.axis === axis && sizes.every((one) => one === 1)) {
    for (const i of outputs.keys()) publishMember(context, x.stack.members[i], axis, i, true);
    return;
  }
  if (x.stack !== null) context.decline("a fused projection in this form");
  let start = 0;
  for (const i of outputs.keys()) {
    publishSegment(context, x, axis, i, start, start + sizes[i]);
    start += sizes[i];
  }
}

/** One index of a stack; false when the slice takes anything else. */
function sliceStack(context: NodeContext, x: Value): boolean {
  if (x.stack === null) return false;
  const listed = ["starts", "ends", "axes"].map((name, i) => {
    const found = context.numbers(name) ?? context.parameter(i + 1);
    return found?.length === 1 ? found[0] : NaN;
  });
  const [start, end, along] = listed;
  const step = context.parameter(4)?.[0] ?? 1;
  const { axis, members } = x.stack;
  const isOne = end === start + 1 && start >= 0 && start < members.length && step === 1;
  if (!isOne || context.axis(along, x.dims.length) !== axis) return false;
  publishMember(context, members[start], axis, 0, true);
  return true;
}

interface Range {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

function slice(context: NodeContext): void {
  const given = context.need(0);
  if (sliceStack(context, given)) return;
  const x = collapse(given, context.label, context.facts);
  const rank = x.dims.length;
  const starts = context.numbers("starts") ?? context.parameter(1);
  const ends = context.numbers("ends") ?? context.parameter(2);
  if (starts === null || ends === null)
    return context.decline("bounds that are computed from data");
  const listed = context.numbers("axes") ?? context.parameter(3) ?? starts.map((_, i) => i);
  const steps = context.parameter(4) ?? starts.map(() => 1);
  if (
    ends.length !== starts.length ||
    listed.length !== starts.length ||
    steps.length !== starts.length
  )
    context.fail("starts, ends, axes and steps have different lengths");
  const ranges = starts.map((start, i): Range => {
    const axis = context.axis(listed[i], rank);
    return { axis, ...clampRange(context, x.dims[axis].size, start, ends[i], steps[i]) };
  });
  const [only] = ranges;
  if (
    ranges.length === 1 &&
    only.end === only.start + 1 &&
    isRejoined(context, rangeOfAxis(x.dims[only.axis].size))
  )
    return void context.output(0, x.dims.with(only.axis, unit), {
      picked: { source: x, axis: only.axis, index: only.start },
    });
  let dims: Atom[] = [...x.dims];
  let numbers = x.numbers;
  const cuts: { readonly dims: readonly Atom[]; readonly cut: Cut }[] = [];
  for (const range of ranges) {
    const { axis, start, end, step } = range;
    const length = Math.max(0, Math.ceil((end - start) / step));
    if (length > 0 && numbers !== null) {
      const current: Value = { ...x, dims, numbers };
      numbers =
        length > 5000
          ? null
          : pick(
              current,
              axis,
              Array.from({ length }, (_, i) => start + i * step),
            );
    } else if (numbers !== null) numbers = { data: new Float64Array(0), integer: numbers.integer };
    const isFull = start === 0 && end === dims[axis].size && step === 1;
    if (isFull) continue;
    dims = dims.with(axis, rangeOf(context, dims[axis], range, length));
    cuts.push({ dims, cut: { dim: axis, start: step === 1 ? start : null } });
  }
  const output = context.output(0, dims, numbers ? { numbers } : {});
  carryCuts(context, x, output, cuts);
}

/** Where one dimension is cut; null where its entries are taken by steps. */
interface Cut {
  readonly dim: number;
  readonly start: number | null;
}

/** One dimension is cut after another. */
function carryCuts(
  context: NodeContext,
  x: Value,
  output: Value,
  steps: readonly { readonly dims: readonly Atom[]; readonly cut: Cut }[],
): void {
  let from = x;
  if (steps.length === 0) context.carry(x, output, identityPairs(x));
  for (const [i, { dims, cut }] of steps.entries()) {
    const to: Value = i === steps.length - 1 ? output : { ...x, dims, numbers: null, entry: null };
    const { dim, start } = cut;
    if (start === null)
      context.carry(
        from,
        to,
        identityPairs(from).filter(([at]) => at !== dim),
      );
    else context.carry(from, to, identityPairs(from), { slice: { dim, start } });
    from = to;
  }
}

function clampRange(context: NodeContext, size: number, start: number, end: number, step: number) {
  if (!Number.isInteger(step) || step === 0) context.fail(`a step of ${step}`);
  const from = start < 0 ? start + size : start;
  const to = end < 0 ? end + size : end;
  const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
  return step > 0
    ? { start: clamp(from, 0, size), end: clamp(to, clamp(from, 0, size), size), step }
    : { start: clamp(from, -1, size - 1), end: clamp(end < -size ? -1 : to, -1, size - 1), step };
}

/** A contiguous segment; or every n-th entry, an outer factor when the whole axis is taken so; else fixed positions. */
function rangeOf(
  context: NodeContext,
  dim: Atom,
  { start, end, step }: Range,
  length: number,
): Atom {
  if (length === 0) return newAtom(0);
  if (step === 1) return segmentOf(dim, start, end, context.label);
  if (step > 1 && start < step && length * step === dim.size) {
    const parts = splitInner(dim, step, context.label);
    if (parts !== null) {
      context.fix(parts[1], "every n-th entry is taken");
      return parts[0];
    }
  }
  context.fix(dim, "entries are picked or reversed");
  return fixedAtom(length, context.label);
}

/** The shape as numbers: what shape arithmetic starts from. */
function shape(context: NodeContext): void {
  const x = context.need(0);
  const rank = x.dims.length;
  const end = context.number("end", rank);
  const start = context.number("start", 0);
  const data = Float64Array.from(shapeOfValue(x).slice(start, end));
  context.output(0, [fixedAtom(data.length, context.label)], {
    constant: true,
    numbers: { data, integer: true },
  });
}

function size(context: NodeContext): void {
  const count = shapeOfValue(context.need(0)).reduce((product, one) => product * one, 1);
  context.output(0, [], {
    constant: true,
    numbers: { data: Float64Array.of(count), integer: true },
  });
}

export const joining: Handlers = {
  Concat: concat,
  Split: split,
  Slice: slice,
  Shape: shape,
  Size: size,
};
