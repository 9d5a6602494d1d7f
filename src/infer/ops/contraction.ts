// Matrix products: MatMul with batch dimensions on either side, Gemm, and Einsum of one or two operands.

import { type Atom, newAtom } from "../index-sets/atoms.ts";
import { broadcast, type NodeContext } from "../walk/context.ts";
import type { Value } from "../walk/value.ts";
import { type Handlers, type DimPair, pairsBy } from "./handler.ts";

/** The matrix product of two values, with batch dimensions on either side. */
export function multiply(context: NodeContext, left: Value, right: Value): Value {
  const a = left.dims.length;
  const b = right.dims.length;
  if (a === 0 || b === 0) context.fail("both inputs need at least one dimension");
  const contracted: DimPair = [a - 1, Math.max(0, b - 2)];
  context.tie(left.dims[contracted[0]], right.dims[contracted[1]]);
  const batchRank = Math.max(a - 2, b - 2, 0);
  const batch = Array.from({ length: batchRank }, (_, at): Atom => {
    const x = a - 2 - batchRank + at >= 0 ? left.dims[a - 2 - batchRank + at] : newAtom(1);
    const y = b - 2 - batchRank + at >= 0 ? right.dims[b - 2 - batchRank + at] : newAtom(1);
    if (x.size === 1) return y;
    if (y.size !== 1) context.tie(x, y);
    return x;
  });
  const rows = a > 1 ? [left.dims[a - 2]] : [];
  const columns = b > 1 ? [right.dims[b - 1]] : [];
  const output = context.output(0, [...batch, ...rows, ...columns]);
  const isBatch = (rank: number) => (from: number) =>
    from < rank - 2 ? batchRank - (rank - 2) + from : null;
  const leftOut = pairsBy(left, (i) => (a > 1 && i === a - 2 ? batchRank : isBatch(a)(i)));
  const rightOut = pairsBy(right, (i) =>
    b > 1 && i === b - 1 ? batchRank + rows.length : isBatch(b)(i),
  );
  context.contract({ left, right, output, contracted: [contracted], leftOut, rightOut });
  return output;
}

export function gemm(context: NodeContext): Value {
  const left = context.need(0);
  const right = context.need(1);
  if (left.dims.length !== 2 || right.dims.length !== 2)
    context.fail("both factors need two dimensions");
  const [row, k] = context.number("transA", 0) === 0 ? [0, 1] : [1, 0];
  const [inner, column] = context.number("transB", 0) === 0 ? [0, 1] : [1, 0];
  context.tie(left.dims[k], right.dims[inner]);
  const output = context.output(0, [left.dims[row], right.dims[column]]);
  context.contract({
    left,
    right,
    output,
    contracted: [[k, inner]],
    leftOut: [[row, 0]],
    rightOut: [[column, 1]],
  });
  addBias(context, context.input(2), output);
  return output;
}

/** A bias broadcast onto a result. */
function addBias(context: NodeContext, bias: Value | null, output: Value): void {
  if (bias === null) return;
  const dims = broadcast(context, [output, bias]);
  if (dims.length !== output.dims.length) context.fail("the bias has too many dimensions");
  context.pointwise("linear", [output, bias], output);
}

function einsum(context: NodeContext): void {
  const equation = context.text("equation", "").replaceAll(" ", "");
  const [inputText, outputText] = equation.split("->");
  const terms = inputText.split(",");
  const plain = (labels: string) =>
    /^[A-Za-z]*$/.test(labels) && new Set(labels).size === labels.length;
  if (outputText === undefined || ![...terms, outputText].every(plain) || terms.length > 2)
    context.decline(`equation "${equation}"`);
  if (terms.length !== context.inputs.length)
    context.fail(`equation "${equation}" names ${terms.length} inputs`);
  const byLabel = new Map<string, Atom>();
  for (const [i, labels] of terms.entries()) {
    const { dims } = context.need(i);
    if (dims.length !== labels.length)
      context.fail(`input ${i} has ${dims.length} dimensions, "${labels}" names ${labels.length}`);
    for (const [at, label] of Array.from(labels).entries()) {
      const known = byLabel.get(label);
      if (known === undefined) byLabel.set(label, dims[at]);
      else context.tie(known, dims[at]);
    }
  }
  const dims = Array.from(outputText).map(
    (label) => byLabel.get(label) ?? context.fail(`output label "${label}" is in no input`),
  );
  const output = context.output(0, dims);
  const into = (value: Value, labels: string) =>
    pairsBy(value, (i) => (outputText.includes(labels[i]) ? outputText.indexOf(labels[i]) : null));
  const [left, right] = context.inputs;
  const [x, y] = terms;
  if (right === undefined) {
    context.mix(
      left,
      Array.from(x).flatMap((label, i) => (outputText.includes(label) ? [] : [i])),
    );
    context.carry(left, output, into(left, x));
    return;
  }
  const contracted = Array.from(x).flatMap((label, i): DimPair[] =>
    y.includes(label) && !outputText.includes(label) ? [[i, y.indexOf(label)]] : [],
  );
  const summed = (labels: string, other: string) =>
    Array.from(labels).flatMap((label, i) =>
      other.includes(label) || outputText.includes(label) ? [] : [i],
    );
  context.mix(left, summed(x, y));
  context.mix(right, summed(y, x));
  context.contract({
    left,
    right,
    output,
    contracted,
    leftOut: into(left, x),
    rightOut: into(right, y),
  });
}

export const contraction: Handlers = {
  MatMul: (context) => void multiply(context, context.need(0), context.need(1)),
  Gemm: (context) => void gemm(context),
  Einsum: einsum,
};
