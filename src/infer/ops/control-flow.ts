// What joins the branches of an If and the rounds of a Loop: a value is one of several, which all have the same axes.

import { shapeOfValue, type Value } from "../walk/value.ts";
import { equalShapes } from "../../core/shapes.ts";
import type { NodeContext } from "../walk/context.ts";
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

/** By their names in the domain of flattened graphs. */
export const controlFlow: Handlers = {
  Either: either,
  LoopCount: loopCount,
  LoopEnter: loopEnter,
  LoopLeave: loopLeave,
  LoopGoes: loopGoes,
};
