// Operations along axes: reductions, softmax and normalisation treat all entries of an axis alike, so the axis stays
// free; running sums and index results do not, so they fix it.

import { newAtom, productOf } from "../index-sets/atoms.ts";
import { broadcast, fixedAtom, type NodeContext } from "../walk/context.ts";
import type { Value } from "../walk/value.ts";
import { affine, inside, perChannel } from "./channels.ts";
import { type Handlers, identityPairs, named, pairsBy } from "./handler.ts";

/** Axes from the attribute or, in newer operator sets, from an input; null means all. */
function axesOf(context: NodeContext, x: Value, position: number): number[] | null {
  const rank = x.dims.length;
  const listed = context.numbers("axes");
  if (listed !== null) return listed.map((index) => context.axis(index, rank));
  if (context.input(position) === null) return null;
  const given = context.parameter(position) ?? context.decline("axes that are computed from data");
  return given.length === 0 ? null : given.map((index) => context.axis(index, rank));
}

/** How a reduction scales with what it reduces: linearly, as a power of it for positive factors, or in no way. */
type Reduction = "linear" | "opaque" | { readonly degree: number };

function reduce(kind: Reduction) {
  return (context: NodeContext): void => {
    const x = context.need(0);
    const listed = axesOf(context, x, 1);
    if (listed === null && context.number("noop_with_empty_axes", 0) === 1) {
      context.output(0, x.dims);
      return;
    }
    const axes = new Set(listed ?? x.dims.map((_, i) => i));
    const keep = context.number("keepdims", 1) !== 0;
    const kept = x.dims.map((_, i) => i).filter((i) => keep || !axes.has(i));
    const output = context.output(
      0,
      kept.map((i) => (axes.has(i) ? newAtom(1) : x.dims[i])),
    );
    context.mix(x, [...axes]);
    if (kind === "opaque") return;
    context.carry(
      x,
      output,
      pairsBy(x, (i) => (axes.has(i) ? null : kept.indexOf(i))),
      kind === "linear" ? {} : { homogeneous: true, degree: kind.degree },
    );
  };
}

/** Normalises along one axis; before operator set 13 along everything from that axis on. */
function softmax(context: NodeContext): void {
  const x = context.need(0);
  const rank = x.dims.length;
  const old = context.opset < 13 && context.node.op !== "LpNormalization";
  const axis = context.axis(context.number("axis", old ? 1 : -1), Math.max(rank, 1));
  context.mix(
    x,
    x.dims.map((_, i) => i).filter((i) => (old ? i >= axis : i === axis)),
  );
  context.output(0, x.dims);
}

/** Mean 0 and variance 1 over all entries of some axes. */
function meanVariance(context: NodeContext): void {
  const x = context.need(0);
  if (context.opset < 9) context.decline("axes of operator sets before 9");
  const axes = context.numbers("axes") ?? [0, 2, 3];
  context.mix(
    x,
    axes.map((index) => context.axis(index, x.dims.length)),
  );
  context.output(0, x.dims);
}

/** The first entries of an axis in reverse order, as many as a list says for every example. */
function reverseSequence(context: NodeContext): void {
  const x = context.need(0);
  const [time, batch] = ["time_axis", "batch_axis"].map((name, i) =>
    context.axis(context.number(name, i), x.dims.length),
  );
  context.fix(x.dims[time], "the order along this axis matters");
  context.tie(context.need(1).dims[0], x.dims[batch]);
  context.carry(x, context.output(0, x.dims), identityPairs(x));
}

/** Layer and root-mean-square normalisation over all dimensions from an axis on, with broadcast scale and bias. */
function layerNormalization(context: NodeContext): void {
  const x = context.need(0);
  const axis = context.axis(context.number("axis", -1), x.dims.length);
  const [gain, shift] = [context.input(1), context.input(2)];
  const given = [gain, shift].filter((value) => value !== null);
  const dims = broadcast(context, [x, ...given]);
  if (dims.length !== x.dims.length) context.fail("scale and bias have too many dimensions");
  context.mix(
    x,
    x.dims.map((_, i) => i).filter((i) => i >= axis),
  );
  const output = context.output(0, dims);
  const normed = inside(output);
  for (const value of [x, normed]) context.facts.push({ kind: "opaque", value });
  affine(context, normed, gain, shift, output);
  for (const i of [1, 2]) {
    if (i < context.node.outputs.length)
      context.output(
        i,
        x.dims.map((dim, at) => (at < axis ? dim : newAtom(1))),
      );
  }
}

/** Each group of channels is normalised with the image; scale and bias per channel (per group before operator set 21). */
function groupNormalization(context: NodeContext): void {
  const x = context.need(0);
  const groups = context.number("num_groups", 0);
  const channels = x.dims.length < 2 ? 0 : x.dims[1].size;
  if (!(groups >= 1) || !Number.isInteger(channels / groups))
    context.fail(`${channels} channels do not fall into ${groups} groups`);
  const group = newAtom(groups);
  const within = newAtom(channels / groups);
  const full = productOf([group, within]);
  context.tie(x.dims[1], full);
  for (const position of [1, 2]) {
    const vector = context.need(position);
    if (vector.dims.length !== 1) context.fail("scale and bias must have one dimension");
    context.tie(vector.dims[0], vector.dims[0].size === channels ? full : group);
  }
  const view = context.regroup(x, [x.dims[0], group, within, ...x.dims.slice(2)]);
  context.mix(
    view,
    view.dims.map((_, i) => i).filter((i) => i >= 2),
  );
  const output = context.output(0, x.dims);
  const normed = inside(output);
  for (const value of [x, view, normed]) context.facts.push({ kind: "opaque", value });
  const [gain, shift] = [context.need(1), context.need(2)];
  if (gain.dims[0].size === channels && shift.dims[0].size === channels)
    affine(context, normed, perChannel(context, x, gain), perChannel(context, x, shift), output);
}

/** Order along the axis matters. */
function ordered(outputSize: "same" | "one" | "k") {
  return (context: NodeContext): void => {
    const x = context.need(0);
    const fromInput = outputSize === "same" ? context.parameter(1)?.[0] : undefined;
    const axis = context.axis(
      fromInput ?? context.number("axis", outputSize === "k" ? -1 : 0),
      x.dims.length,
    );
    context.fix(x.dims[axis], "the order along this axis matters");
    context.mix(x, [axis]);
    const k = outputSize === "k" ? (context.numbers("k") ?? context.parameter(1))?.[0] : 1;
    if (k === undefined || !Number.isInteger(k) || k < 0)
      return context.decline("a size that is computed from data");
    const keep = outputSize === "one" && context.number("keepdims", 1) === 0;
    const dims = x.dims.flatMap((dim, i) => {
      if (i !== axis || outputSize === "same") return [dim];
      return keep ? [] : [fixedAtom(k, context.label)];
    });
    for (let i = 0; i < Math.max(1, context.node.outputs.length); i++) context.output(i, dims);
  };
}

function globalPool(linear: boolean) {
  return (context: NodeContext): void => {
    const x = context.need(0);
    if (x.dims.length < 3) context.fail("its input needs spatial dimensions");
    const output = context.output(
      0,
      x.dims.map((dim, i) => (i < 2 ? dim : newAtom(1))),
    );
    context.mix(x, x.dims.map((_, i) => i).slice(2));
    context.carry(
      x,
      output,
      pairsBy(x, (i) => (i < 2 ? i : null)),
      { homogeneous: !linear },
    );
  };
}

function trilu(context: NodeContext): void {
  const x = context.need(0);
  context.parameter(1);
  if (x.dims.length < 2) context.fail("its input needs two dimensions");
  for (const dim of x.dims.slice(-2)) context.fix(dim, "a triangle is cut out");
  context.carry(x, context.output(0, x.dims), identityPairs(x));
}

export const reduction: Handlers = {
  ...named(["ReduceSum", "ReduceMean"], reduce("linear")),
  ...named(["ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2"], reduce({ degree: 1 })),
  ReduceSumSquare: reduce({ degree: 2 }),
  ...named(["ReduceProd", "ReduceLogSum", "ReduceLogSumExp"], reduce("opaque")),
  ...named(["Softmax", "LogSoftmax", "Hardmax", "LpNormalization"], softmax),
  MeanVarianceNormalization: meanVariance,
  ReverseSequence: reverseSequence,
  ...named(
    ["LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"],
    layerNormalization,
  ),
  GroupNormalization: groupNormalization,
  CumSum: ordered("same"),
  ...named(["ArgMax", "ArgMin"], ordered("one")),
  TopK: ordered("k"),
  ...named(["GlobalAveragePool"], globalPool(true)),
  ...named(["GlobalMaxPool", "GlobalLpPool"], globalPool(false)),
  Trilu: trilu,
};
