// Fused operators of onnxruntime (domain com.microsoft), as optimised files hold them: a known operation with an activation,
// a bias or a residual sum in it.

import { newAtom } from "../../index-sets/atoms.ts";
import { broadcast, type NodeContext } from "../../walk/context.ts";
import type { PointwiseLaw, Value } from "../../walk/value.ts";
import { affine, inside } from "../channels.ts";
import { gemm, multiply } from "../contraction.ts";
import { convolve } from "../convolution.ts";
import { type Handlers, turned } from "../handler.ts";

const laws: Readonly<Record<string, PointwiseLaw>> = {
  Relu: "homogeneous",
  LeakyRelu: "homogeneous",
  Tanh: "odd",
};

/** The activation in the attribute acts on every entry of a result. */
function activate(context: NodeContext, output: Value): void {
  const name = context.text("activation", "");
  if (name === "") return;
  const law = Object.hasOwn(laws, name) ? laws[name] : "opaque";
  context.pointwise(law, [output], output);
}

function fusedConv(context: NodeContext): void {
  const output = convolve(context, false);
  const residual = context.input(3);
  if (residual !== null) {
    if (broadcast(context, [output, residual]).length !== output.dims.length)
      context.fail("the residual has too many dimensions");
    context.pointwise("linear", [output, residual], output);
  }
  activate(context, output);
}

function fusedGemm(context: NodeContext): void {
  activate(context, gemm(context));
}

function fusedMatMul(context: NodeContext): void {
  if (context.number("transBatchA", 0) !== 0 || context.number("transBatchB", 0) !== 0)
    context.decline("batches that are transposed");
  const turn = (position: number, name: string): Value => {
    const x = context.need(position);
    const rank = x.dims.length;
    if (context.number(name, 0) === 0 || rank < 2) return x;
    const order = x.dims.map((_, i) => (i < rank - 2 ? i : i === rank - 2 ? rank - 1 : rank - 2));
    return turned(context, x, order);
  };
  multiply(context, turn(0, "transA"), turn(1, "transB"));
}

/** A sum that is normalised: input, skip and bias; gain and shift follow. */
function skipNormalization(gain: number, shift: number | null, bias: number) {
  return (context: NodeContext): void => {
    const x = context.need(0);
    const summed = [x, context.need(1), context.input(bias)].filter((value) => value !== null);
    const gainOf = context.need(gain);
    const shiftOf = shift === null ? null : context.input(shift);
    const given = [gainOf, shiftOf].filter((value) => value !== null);
    const dims = broadcast(context, [...summed, ...given]);
    if (dims.length !== x.dims.length) context.fail("its inputs have too many dimensions");
    const sum: Value = { ...x, origin: "computed", numbers: null, dims };
    context.pointwise("linear", summed, sum);
    context.mix(sum, [dims.length - 1]);
    const output = context.output(0, dims);
    const normed = inside(output);
    for (const value of [sum, normed]) context.facts.push({ kind: "opaque", value });
    affine(context, normed, gainOf, shiftOf, output);
    for (const i of [1, 2])
      if (i < context.node.outputs.length)
        context.output(i, dims.with(dims.length - 1, newAtom(1)));
    if (context.node.outputs.length > 3)
      context.pointwise("linear", [sum], context.output(3, dims));
  };
}

export const microsoft: Handlers = {
  FusedConv: fusedConv,
  FusedGemm: fusedGemm,
  FusedMatMul: fusedMatMul,
  SkipLayerNormalization: skipNormalization(2, 3, 4),
  SkipSimplifiedLayerNormalization: skipNormalization(2, null, 3),
};
