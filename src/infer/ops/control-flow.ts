// What joins the branches of an If and the rounds of a Loop or Scan: a value is one of several, which all have the same axes.

import { shapeOfValue, type Value } from "../walk/value.ts";
import { equalShapes } from "../../core/shapes.ts";
import { fixedAtom, type NodeContext } from "../walk/context.ts";
import { loopOf } from "../../formats/onnx/onnx-flatten.ts";
import { LoopChanges } from "../walk/branches.ts";
import type { Handlers } from "./handler.ts";

/** A value that is one of these: whatever moves one moves all of them, and what scales one scales all. */
function oneOf(context: NodeContext, values: readonly Value[], output: Value): void {
  const [first, ...rest] = values;
  for (const { dims } of rest)
    for (const [i, dim] of dims.entries()) context.tie(first.dims[i], dim);
  context.pointwise("linear", values, output);
}

const sameShapes = ([first, ...rest]: readonly Value[]): boolean =>
  rest.every((value) => equalShapes(shapeOfValue(first), shapeOfValue(value)));

function either(context: NodeContext): void {
  const condition = context.need(0);
  for (const dim of condition.dims) context.fix(dim, "a branch depends on it");
  const values = [context.need(1), context.need(2)];
  if (!sameShapes(values)) context.decline("two branches of different shapes");
  oneOf(context, values, context.output(0, values[0].dims, { computed: true }));
}

/** The counter and the condition of a loop. */
function loopCount(context: NodeContext): void {
  for (const value of context.inputs)
    for (const dim of value.dims) context.fix(dim, "a loop depends on it");
  for (const i of [0, 1])
    if (context.node.outputs[i] !== undefined) context.output(i, [], { computed: true });
}

function loopEnter(context: NodeContext): void {
  const start = context.need(0);
  context.pointwise("linear", [start], context.output(0, start.dims, { computed: true }));
}

function loopLeave(context: NodeContext): void {
  const values = [0, 1, 2].map((i) => context.need(i));
  if (!sameShapes(values)) throw new LoopChanges(loopOf(context.node));
  oneOf(context, values, context.output(0, values[0].dims, { computed: true }));
}

function loopGoes(context: NodeContext): void {
  for (const dim of context.need(0).dims) context.fix(dim, "a loop depends on it");
  context.output(0, [], { computed: true });
}

/** What one round reads: which entries along the axis these are is not known. */
function loopSlice(context: NodeContext): void {
  const values = context.need(0);
  const axis = context.axis(context.number("axis", 0), values.dims.length);
  context.fix(values.dims[axis], "rounds follow one another along it");
  const dims = values.dims.toSpliced(axis, 1);
  const one = context.output(0, dims, { computed: values.origin === "constant" });
  context.carry(
    values,
    one,
    dims.map((_, i) => [i < axis ? i : i + 1, i] as const),
  );
}

/** Longer lists of rounds are no shapes: a count that only the condition ends is as large as it can be. */
const maxRounds = 2 ** 31;

/** The values of all rounds, put side by side along a new axis. */
function loopStack(context: NodeContext): void {
  const value = context.need(0);
  const counts = context.parameter(1);
  const ends = context.node.inputs.slice(2).filter((name) => name !== "");
  const rounds = counts?.[context.number("along", 0)] ?? NaN;
  if (!(rounds >= 0 && rounds < maxRounds) || !ends.every((name) => context.single(name)))
    context.decline("a number of rounds that depends on data");
  const axis = context.axis(context.number("axis", 0), value.dims.length + 1);
  const dims = value.dims.toSpliced(axis, 0, fixedAtom(rounds, context.label));
  context.carry(
    value,
    context.output(0, dims, { computed: true }),
    value.dims.map((_, i) => [i, i < axis ? i : i + 1] as const),
  );
}

/** By their names in the domain of flattened graphs. */
export const controlFlow: Handlers = {
  Either: either,
  LoopCount: loopCount,
  LoopEnter: loopEnter,
  LoopLeave: loopLeave,
  LoopSlice: loopSlice,
  LoopStack: loopStack,
  LoopGoes: loopGoes,
};
