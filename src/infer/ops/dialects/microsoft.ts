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

/** The sum of values of these dimensions, whose normalised form with gain and shift is the first output. */
function normalisedSum(
  context: NodeContext,
  like: Value,
  summed: readonly Value[],
  dims: Value["dims"],
  gain: Value,
  shift: Value | null,
): Value {
  const sum: Value = { ...like, origin: "computed", numbers: null, entry: null, dims };
  context.pointwise("linear", summed, sum);
  context.mix(sum, [dims.length - 1]);
  const output = context.output(0, dims);
  const normed = inside(output);
  for (const value of [sum, normed]) context.facts.push({ kind: "opaque", value });
  affine(context, normed, gain, shift, output);
  return sum;
}

/** Rows of tables for words, positions and segments, summed and normalised. */
function embedNormalization(context: NodeContext): void {
  const ids = context.need(0);
  const [gain, shift] = [context.need(5), context.need(6)];
  if (ids.dims.length !== 2 || context.input(8) !== null)
    context.decline("positions that are given");
  for (const other of [context.input(1), context.input(7)])
    if (other !== null) for (const [i, dim] of other.dims.entries()) context.tie(dim, ids.dims[i]);
  context.fix(ids.dims[1], "positions have rows of their own");
  const tables = [2, 3, 4].flatMap((position) => context.input(position) ?? []);
  const rows = tables.map((table): Value => {
    context.fix(table.dims[0], "rows are looked up");
    for (const dim of [gain.dims[0], shift.dims[0]]) context.tie(table.dims[1], dim);
    const dims = [...ids.dims, table.dims[1]];
    const found: Value = { ...table, origin: "computed", numbers: null, entry: null, dims };
    context.carry(table, found, [[1, 2]]);
    return found;
  });
  const [{ dims }] = rows;
  for (const row of rows.slice(1)) context.tie(dims[2], row.dims[2]);
  const sum = normalisedSum(context, rows[0], rows, dims, gain, shift);
  if (context.node.outputs.length > 1) context.output(1, [ids.dims[0]]);
  if (context.node.outputs.length > 2) context.pointwise("linear", [sum], context.output(2, dims));
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
    const sum = normalisedSum(context, x, summed, dims, gainOf, shiftOf);
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
  EmbedLayerNormalization: embedNormalization,
  SkipLayerNormalization: skipNormalization(2, 3, 4),
  SkipSimplifiedLayerNormalization: skipNormalization(2, null, 3),
};
