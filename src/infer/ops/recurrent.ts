// LSTM, GRU and RNN layers: stacked gates share one hidden axis, which lies within the direction when there are two.

import { type Atom, productOf } from "../atoms.ts";
import { fixedAtom, type NodeContext } from "../context.ts";
import type { Value } from "../value.ts";
import type { Handlers } from "./handler.ts";

/** Gates of one operation, and how many hidden states it returns. */
function layer(gates: number, states: number) {
  return (context: NodeContext): void => {
    if (context.number("layout", 0) !== 0) context.decline("batch-first layout");
    const [x, w, r] = [context.need(0), context.need(1), context.need(2)];
    if ([x, w, r].some(({ dims }) => dims.length !== 3))
      context.fail("input and weights need three dimensions");
    const hidden = r.dims[2];
    if (r.dims[1].size !== gates * hidden.size)
      context.fail(`${r.dims[1].size} rows are not ${gates} gates of ${hidden.size}`);
    const direction = w.dims[0];
    const [steps, batch, features] = x.dims;
    context.fix(direction, "forward and backward in order");
    context.fix(steps, "time runs along this axis");
    const gate = fixedAtom(gates, context.label);
    const stacked = productOf([gate, hidden]);
    tieAll(context, w, [direction, stacked, features]);
    tieAll(context, r, [direction, stacked, hidden]);
    tieAll(context, context.input(3), [
      direction,
      productOf([fixedAtom(2 * gates, context.label), hidden]),
    ]);
    tieAll(context, context.input(4), [batch]);
    tieAll(context, context.input(5), [direction, batch, hidden]);
    if (states === 2) {
      tieAll(context, context.input(6), [direction, batch, hidden]);
      tieAll(context, context.input(7), [
        direction,
        productOf([fixedAtom(3, context.label), hidden]),
      ]);
    }
    recur(context, { x, w, r, gate, hidden, direction, features });
    context.output(0, [steps, direction, batch, hidden]);
    for (let i = 1; i <= states; i++)
      if (i < context.node.outputs.length) context.output(i, [direction, batch, hidden]);
  };
}

function tieAll(context: NodeContext, value: Value | null, dims: readonly Atom[]): void {
  if (value === null) return;
  if (value.dims.length !== dims.length)
    context.fail(`a weight has ${value.dims.length} dimensions, expected ${dims.length}`);
  for (const [i, dim] of dims.entries()) context.tie(value.dims[i], dim);
}

interface Layer {
  readonly x: Value;
  readonly w: Value;
  readonly r: Value;
  readonly gate: Atom;
  readonly hidden: Atom;
  readonly direction: Atom;
  readonly features: Atom;
}

/** The two products inside: input by weights, and hidden state by recurrent weights, one direction at a time. */
function recur(context: NodeContext, { x, w, r, gate, hidden, direction, features }: Layer): void {
  const input = context.regroup(w, [direction, gate, hidden, features]);
  const recurrent = context.regroup(r, [direction, gate, hidden, hidden]);
  const [steps, batch] = x.dims;
  context.mix(x, [0]);
  const made: Value = {
    ...x,
    origin: "computed",
    dims: [steps, batch, direction, gate, hidden],
    numbers: null,
  };
  const rows = [
    [0, 2],
    [1, 3],
    [2, 4],
  ] as const;
  context.contract({
    left: x,
    right: input,
    output: made,
    contracted: [[2, 3]],
    leftOut: [
      [0, 0],
      [1, 1],
    ],
    rightOut: rows,
  });
  const state: Value = { ...made, dims: [direction, batch, hidden] };
  const next: Value = { ...made, dims: [direction, batch, gate, hidden] };
  context.contract({
    left: state,
    right: recurrent,
    output: next,
    contracted: [[2, 3]],
    leftOut: [
      [0, 0],
      [1, 1],
    ],
    rightOut: [
      [0, 0],
      [1, 2],
      [2, 3],
    ],
  });
  for (const value of [made, state, next, input, recurrent])
    context.facts.push({ kind: "opaque", value });
}

export const recurrent: Handlers = { LSTM: layer(4, 2), GRU: layer(3, 1), RNN: layer(1, 1) };
