// Element-wise primitives, and the small patterns behind which the engine hides ReLU-like activations: a choice between
// multiples of x by the sign of x is positively homogeneous.

import { isLiteral, type TracedAtom, type Uses } from "./program.ts";
import type { Rule, RuleContext, Rules } from "./rule.ts";

const plain =
  (op: string): Rule =>
  ({ build, inputs }) =>
    build.node(op, inputs);

const isZero = (atom: TracedAtom): boolean => isLiteral(atom) && atom.value === 0;

/** The x of `x < 0`, `x <= 0`, `0 < x` or `0 <= x`. */
function comparedWithZero(uses: Uses, atom: TracedAtom): TracedAtom | undefined {
  const made = uses.maker(atom);
  if (made?.primitive !== "compare") return undefined;
  const { op } = made.params;
  if (op !== "less" && op !== "less_equal") return undefined;
  const [a, b] = made.inputs;
  if (isZero(b)) return a;
  return isZero(a) ? b : undefined;
}

/** Whether a branch is x, 0, -x or x times a number. */
function isMultiple(uses: Uses, branch: TracedAtom, x: TracedAtom): boolean {
  if (branch === x || isZero(branch)) return true;
  const made = uses.maker(branch);
  if (made?.primitive === "neg") return made.inputs[0] === x;
  if (made?.primitive !== "mul") return false;
  const [a, b] = made.inputs;
  return (a === x && isLiteral(b)) || (b === x && isLiteral(a));
}

const sameShape = ({ shapes, output }: RuleContext, at: number) =>
  shapes[at].length === output.length && shapes[at].every((size, i) => size === output[i]);

/** `where(x < 0, a x, b x)` is a leaky ReLU of some slopes: for inference all of them are alike. */
function where(context: RuleContext): string {
  const { build, equation, inputs, uses, nameOf } = context;
  const [condition, yes, no] = equation.inputs;
  const x = comparedWithZero(uses, condition);
  if (
    x !== undefined &&
    sameShape(context, 0) &&
    isMultiple(uses, yes, x) &&
    isMultiple(uses, no, x)
  )
    return build.node("LeakyRelu", [nameOf(x)]);
  return build.node("Where", inputs);
}

/** `x * (x > 0)` is a ReLU. */
function mul(context: RuleContext): string {
  const { build, equation, inputs, uses, nameOf } = context;
  for (const [at, atom] of equation.inputs.entries()) {
    const cast = uses.maker(atom);
    const x = cast?.primitive === "cast" ? comparedWithZero(uses, cast.inputs[0]) : undefined;
    if (x !== undefined && equation.inputs[1 - at] === x && sameShape(context, at))
      return build.node("LeakyRelu", [nameOf(x)]);
  }
  return build.node("Mul", inputs);
}

function compare({ build, equation, inputs }: RuleContext): string | null {
  switch (equation.params["op"]) {
    case "less":
      return build.node("Less", inputs);
    case "less_equal":
      return build.node("LessOrEqual", inputs);
    case "equal":
      return build.node("Equal", inputs);
    case "not_equal":
      return build.node("Not", [build.node("Equal", inputs)]);
    default:
      return null;
  }
}

const one = ({ build }: RuleContext) => build.constant([1], [], false);

const castTypes: Readonly<Record<string, number>> = {
  float32: 1,
  int32: 6,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
};

function cast({ build, equation, inputs }: RuleContext): string | null {
  const to = castTypes[String(equation.params["dtype"])];
  return to === undefined ? null : build.node("Cast", inputs, { to });
}

const bitNames: Readonly<Record<string, string>> = {
  and: "BitwiseAnd",
  or: "BitwiseOr",
  xor: "BitwiseXor",
};

export const elementwise: Rules = {
  add: plain("Add"),
  mul,
  mod: ({ build, inputs, equation }) =>
    equation.inputs.some((atom) => atom.aval.dtype.startsWith("float"))
      ? null
      : build.node("Mod", inputs),
  min: plain("Min"),
  max: plain("Max"),
  bit_combine: ({ build, inputs, equation }) => {
    const op = bitNames[String(equation.params["op"])];
    return op === undefined ? null : build.node(op, inputs);
  },
  neg: plain("Neg"),
  // A quotient, so that scalings pass as their inverses.
  reciprocal: (context) => context.build.node("Div", [one(context), ...context.inputs]),
  floor: plain("Floor"),
  ceil: plain("Ceil"),
  stop_gradient: plain("Identity"),
  cast,
  sin: plain("Sin"),
  cos: plain("Cos"),
  asin: plain("Asin"),
  atan: plain("Atan"),
  exp: plain("Exp"),
  log: plain("Log"),
  erf: plain("Erf"),
  erfc: (context) =>
    context.build.node("Sub", [one(context), context.build.node("Erf", context.inputs)]),
  sqrt: plain("Sqrt"),
  compare,
  where,
};
