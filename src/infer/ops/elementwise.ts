// Element-wise operations with broadcasting: dimensions aligned from the right are the same index sets.

import { broadcast, type NodeContext } from "../walk/context.ts";
import type { PointwiseLaw } from "../walk/value.ts";
import { type Handlers, identityPairs, named, words } from "./handler.ts";

const pointwise = (law: PointwiseLaw) => (context: NodeContext) => {
  const { inputs } = context;
  if (inputs.length === 0) context.fail("it needs an input");
  context.pointwise(law, inputs, context.output(0, broadcast(context, inputs)));
};

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
  const floating =
    [1, 10, 11, 16].includes(context.number("to", 1)) || context.node.op === "CastLike";
  const output = context.output(0, x.dims);
  if (floating) context.carry(x, output, identityPairs(x));
  else context.pointwise("opaque", [x], output);
}

function prelu(context: NodeContext): void {
  const x = context.need(0);
  const slope = context.need(1);
  const output = context.output(0, broadcast(context, [x, slope]));
  if (output.dims.length !== x.dims.length)
    context.fail("the slope has more dimensions than the input");
  context.pointwise("homogeneous", [x], output);
  context.facts.push({ kind: "opaque", value: slope });
}

/** y = x Phi(x) and the like are not odd; these are: f(-x) = -f(x) everywhere. */
const odd = words(`
  Tanh Sin Asin Atan Erf Sinh Asinh Atanh Tan Softsign Sign
`);

const plain = words(`
  Sigmoid HardSigmoid HardSwish Elu Selu Celu Softplus Gelu Mish Swish
  ThresholdedRelu Shrink Exp Log Sqrt Reciprocal Cos Acos Cosh Acosh Floor Ceil
  Round Not IsNaN IsInf BitwiseNot QuickGelu FastGelu
`);

const plainBroadcast = words(`
  Pow Mod And Or Xor Equal Less LessOrEqual Greater GreaterOrEqual Where BitShift
  BitwiseAnd BitwiseOr BitwiseXor BiasGelu
`);

export const elementwise: Handlers = {
  ...named(["Add", "Sub", "Sum", "Mean"], pointwise("linear")),
  Mul: pointwise("product"),
  Div: pointwise("quotient"),
  ...named(["Relu", "LeakyRelu", "Abs"], firstOnly("homogeneous")),
  ...named(["Max", "Min"], pointwise("homogeneous")),
  ...named(odd, firstOnly("odd")),
  Neg: firstOnly("same"),
  ...named(plain, firstOnly("opaque")),
  Clip: firstOnly("opaque"),
  ...named(plainBroadcast, pointwise("opaque")),
  PRelu: prelu,
  Identity: identity,
  Dropout: dropout,
  Cast: cast,
  CastLike: cast,
};
