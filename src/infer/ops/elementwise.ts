// Element-wise operations with broadcasting: dimensions aligned from the right are the same index sets.

import { unit } from "../index-sets/atoms.ts";
import { broadcast, type NodeContext } from "../walk/context.ts";
import type { PointwiseLaw, Value } from "../walk/value.ts";
import { waveArgument } from "../walk/wave.ts";
import type { Wave } from "../../symmetry/types.ts";
import { type Handlers, identityPairs, named, words } from "./handler.ts";

const pointwise = (law: PointwiseLaw) => (context: NodeContext) => {
  const { inputs } = context;
  if (inputs.length === 0) context.fail("it needs an input");
  const aligned = alignOld(context, inputs);
  context.pointwise(law, aligned, context.output(0, broadcast(context, aligned)));
};

/**
 * Before operator set 7 the second input is aligned at an axis: [C] at axis 1 of [N, C, H, W] stands for [C, 1, 1].
 * Later sets align from the right.
 */
function alignOld(context: NodeContext, inputs: readonly Value[]): readonly Value[] {
  const axis = context.number("axis", NaN);
  const [x, y] = inputs;
  if (context.opset >= 7 || context.number("broadcast", 0) === 0 || Number.isNaN(axis))
    return inputs;
  if (inputs.length !== 2) return inputs;
  const at = context.axis(axis, x.dims.length);
  const behind = x.dims.length - at - y.dims.length;
  if (behind < 0) context.fail("the second input has too many dimensions");
  return [x, context.regroup(y, [...y.dims, ...Array.from({ length: behind }, () => unit)])];
}

/** Only the first input sets the shape; the others are numbers that it reads. */
function firstOnly(law: PointwiseLaw) {
  return (context: NodeContext): void => {
    const x = context.need(0);
    for (let i = 1; i < context.node.inputs.length; i++) context.parameter(i);
    context.pointwise(law, [x], context.output(0, x.dims));
  };
}

function identity(context: NodeContext): void {
  const x = context.need(0);
  context.carry(x, context.output(0, x.dims), identityPairs(x));
}

function dropout(context: NodeContext): void {
  const x = context.need(0);
  for (const i of [1, 2]) context.parameter(i);
  context.carry(x, context.output(0, x.dims), identityPairs(x));
  if (context.node.outputs.length > 1) context.output(1, x.dims);
}

function cast(context: NodeContext): void {
  const x = context.need(0);
  // Operator sets before 6 name the type.
  const to = context.node.attributes.get("to");
  const floating =
    context.node.op === "CastLike" ||
    (to?.kind === "text"
      ? /^(FLOAT|FLOAT16|DOUBLE|BFLOAT16)$/i.test(to.value)
      : [1, 10, 11, 16].includes(context.number("to", 1)));
  const output = context.output(0, x.dims);
  if (floating) context.carry(x, output, identityPairs(x));
  else context.pointwise("opaque", [x], output);
}

function prelu(context: NodeContext): void {
  const x = context.need(0);
  const given = context.need(1);
  // Before operator set 7 a slope of one dimension is one per channel.
  const isOld = context.opset < 7 && given.dims.length === 1 && x.dims.length > 2;
  const slope = isOld
    ? context.regroup(given, [...given.dims, ...x.dims.slice(2).map(() => unit)])
    : given;
  const output = context.output(0, broadcast(context, [x, slope]));
  if (output.dims.length !== x.dims.length)
    context.fail("the slope has more dimensions than the input");
  context.pointwise("homogeneous", [x], output);
  context.facts.push({ kind: "opaque", value: slope });
}

/** Bounded from below by 0 alone it is Relu. */
function clip(context: NodeContext): void {
  const x = context.need(0);
  const bound = (position: number, name: string, open: number) => {
    const stored = context.parameter(position);
    if (context.input(position) !== null) return stored?.length === 1 ? stored[0] : NaN;
    return context.number(name, open);
  };
  const [low, high] = [bound(1, "min", -Infinity), bound(2, "max", Infinity)];
  const isRelu = (low === 0 && high >= 3e38) || (low <= -3e38 && high === 0);
  context.pointwise(isRelu ? "homogeneous" : "opaque", [x], context.output(0, x.dims));
}

/** A power of its input scales by that power of a factor. */
function power(degreeOf: (context: NodeContext) => number | null) {
  return (context: NodeContext): void => {
    const { inputs } = context;
    const degree = degreeOf(context);
    const output = context.output(0, broadcast(context, inputs));
    if (degree === null || degree === 0 || !Number.isFinite(degree))
      context.pointwise("opaque", inputs, output);
    else
      context.facts.push({ kind: "pointwise", law: "power", inputs: [inputs[0]], output, degree });
  };
}

/** Sines are odd, cosines even; both know phases of the bias in front of them. */
function wave(kind: Wave) {
  return (context: NodeContext): void => {
    const x = context.need(0);
    const output = context.output(0, x.dims);
    const law = kind === "sine" ? "odd" : "opaque";
    const argument = waveArgument(context, kind);
    context.facts.push({ kind: "pointwise", law, inputs: [x], output, wave: argument });
  };
}

/** y = x Phi(x) and the like are not odd; these are: f(-x) = -f(x) everywhere. */
const odd = words(`
  Tanh Asin Atan Erf Sinh Asinh Atanh Tan Softsign Sign
`);

const plain = words(`
  Sigmoid HardSigmoid HardSwish Elu Selu Celu Softplus Gelu Mish Swish
  ThresholdedRelu Shrink Exp Log Acos Cosh Acosh Floor Ceil
  Round Not IsNaN IsInf BitwiseNot QuickGelu FastGelu
`);

const plainBroadcast = words(`
  Mod And Or Xor Equal BitShift
  BitwiseAnd BitwiseOr BitwiseXor BiasGelu
`);

export const elementwise: Handlers = {
  ...named(["Add", "Sub", "Sum", "Mean"], pointwise("linear")),
  Mul: pointwise("product"),
  Div: pointwise("quotient"),
  ...named(["Relu", "LeakyRelu", "Abs"], firstOnly("homogeneous")),
  ...named(["Max", "Min"], pointwise("homogeneous")),
  ...named(odd, firstOnly("odd")),
  Sin: wave("sine"),
  Cos: wave("cosine"),
  Neg: firstOnly("same"),
  Where: pointwise("choose"),
  ...named(words("Less LessOrEqual Greater GreaterOrEqual"), pointwise("compare")),
  ...named(plain, firstOnly("opaque")),
  Clip: clip,
  Sqrt: power(() => 0.5),
  Reciprocal: power(() => -1),
  Pow: power((context) => context.need(1).entry),
  ...named(plainBroadcast, pointwise("opaque")),
  PRelu: prelu,
  Identity: identity,
  Dropout: dropout,
  Cast: cast,
  CastLike: cast,
};
