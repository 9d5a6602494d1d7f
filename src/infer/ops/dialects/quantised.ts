// The int8 family: numbers are stored as small integers with a scale and a zero point, for a whole tensor or for every
// entry of one axis. Permutations are exact on the integers; nothing scales.

import { productOf, newAtom } from "../../index-sets/atoms.ts";
import { broadcast, type NodeContext } from "../../walk/context.ts";
import type { Value } from "../../walk/value.ts";
import { multiply } from "../contraction.ts";
import { convolve } from "../convolution.ts";
import { type Handlers, turned } from "../handler.ts";

const still = (context: NodeContext, values: readonly (Value | null)[]): void => {
  for (const value of values)
    if (value !== null && value.dims.length > 0) context.facts.push({ kind: "opaque", value });
};

/** A scale or zero point stands for the whole tensor, or has an entry for every index of one axis. */
function alongAxis(
  context: NodeContext,
  x: Value,
  axis: number,
  positions: readonly number[],
): void {
  for (const position of positions) {
    const given = context.input(position);
    if (given === null || given.dims.every(({ size }) => size === 1)) continue;
    if (given.dims.length !== 1 || given.dims[0].size !== x.dims[axis].size)
      context.decline("scales by blocks");
    context.tie(given.dims[0], x.dims[axis]);
  }
}

/** QuantizeLinear and DequantizeLinear. */
function linear(context: NodeContext): void {
  const x = context.need(0);
  if (context.number("block_size", 0) !== 0) context.decline("scales by blocks");
  const rank = x.dims.length;
  const vector = [1, 2].some((i) => (context.input(i)?.dims[0]?.size ?? 1) > 1);
  if (vector) alongAxis(context, x, context.axis(context.number("axis", 1), rank), [1, 2]);
  const output = context.output(0, x.dims);
  still(context, [x, output, context.input(1), context.input(2)]);
}

/** The scale comes from the smallest and the largest entry of all. */
function dynamic(context: NodeContext): void {
  const x = context.need(0);
  const output = context.output(0, x.dims);
  for (const i of [1, 2]) if (i < context.node.outputs.length) context.output(i, []);
  still(context, [x, output]);
}

/** MatMulInteger and QLinearMatMul: `scales` says where the numbers of left, right and output stand. */
function matmul(at: { left: number; right: number; of: readonly (readonly number[])[] }) {
  return (context: NodeContext): void => {
    const [left, right] = [context.need(at.left), context.need(at.right)];
    const output = multiply(context, left, right);
    const [ofLeft, ofRight, ofOutput] = at.of;
    if (left.dims.length >= 2) alongAxis(context, left, left.dims.length - 2, ofLeft);
    if (right.dims.length >= 2) alongAxis(context, right, right.dims.length - 1, ofRight);
    if (output.dims.length >= 2) alongAxis(context, output, output.dims.length - 2, ofOutput);
    still(context, [left, right, output]);
  };
}

/** ConvInteger and QLinearConv. */
function convolution(at: {
  input: number;
  kernel: number;
  bias: number | null;
  scalars: readonly number[];
  channels: readonly number[];
}) {
  return (context: NodeContext): void => {
    const [x, kernel] = [context.need(at.input), context.need(at.kernel)];
    const bias = at.bias === null ? null : context.input(at.bias);
    const output = convolve(context, false, { x, weight: kernel, bias });
    alongAxis(context, output, 1, at.channels);
    for (const i of at.scalars) {
      if (context.input(i)?.dims.some(({ size }) => size > 1) === true)
        context.decline("scales by channel of the input");
    }
    still(context, [x, kernel, output]);
  };
}

/** Element-wise operations on two quantised tensors; each has a scale and a zero point behind it. */
function pair(context: NodeContext): void {
  const [a, b] = [context.need(0), context.need(3)];
  context.output(0, broadcast(context, [a, b]));
}

/** Element-wise operations on one. */
function one(context: NodeContext): void {
  context.output(0, context.need(0).dims);
}

/** Averages of the image of every channel. */
function globalAverage(context: NodeContext): void {
  const x = context.need(0);
  if (context.number("channels_last", 0) !== 0) context.decline("channels last");
  context.mix(x, x.dims.map((_, i) => i).slice(2));
  context.output(
    0,
    x.dims.map((dim, i) => (i < 2 ? dim : newAtom(1))),
  );
}

/** A weighted sum of two matrices in the form of Gemm, int8 throughout. */
function gemm(context: NodeContext): void {
  const [a, b] = [context.need(0), context.need(3)];
  if (a.dims.length !== 2 || b.dims.length !== 2) context.fail("both factors need two dimensions");
  const turn = (value: Value, name: string): Value =>
    context.number(name, 0) === 0 ? value : turned(context, value, [1, 0]);
  const [left, right] = [turn(a, "transA"), turn(b, "transB")];
  const output = multiply(context, left, right);
  alongAxis(context, output, 1, [4, 5]);
  const bias = context.input(6);
  if (bias !== null) context.tie(productOf([bias.dims.at(-1) ?? newAtom(1)]), output.dims[1]);
  still(context, [left, right, output, bias]);
}

export const quantised: Handlers = {
  QuantizeLinear: linear,
  DequantizeLinear: linear,
  DynamicQuantizeLinear: dynamic,
  MatMulInteger: matmul({ left: 0, right: 1, of: [[2], [3], []] }),
  QLinearMatMul: matmul({
    left: 0,
    right: 3,
    of: [
      [1, 2],
      [4, 5],
      [6, 7],
    ],
  }),
  ConvInteger: convolution({ input: 0, kernel: 1, bias: null, scalars: [2], channels: [3] }),
  QLinearConv: convolution({
    input: 0,
    kernel: 3,
    bias: 8,
    scalars: [1, 2, 6, 7],
    channels: [4, 5],
  }),
};

/** By their names in the domain com.microsoft. */
export const quantisedMicrosoft: Handlers = {
  QLinearAdd: pair,
  QLinearMul: pair,
  QLinearSigmoid: one,
  QLinearLeakyRelu: one,
  QLinearGlobalAveragePool: globalAverage,
  QGemm: gemm,
  QuantizeLinear: linear,
  DequantizeLinear: linear,
};
