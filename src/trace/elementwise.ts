// Element-wise primitives, and the small patterns behind which the engine hides ReLU-like activations: a choice between
// multiples of x by the sign of x is positively homogeneous.

import { isLiteral, type TracedAtom, type Uses } from "./program.ts";
import type { Rule, RuleContext, Rules } from "./rule.ts";

const plain =
  (op: string): Rule =>
  ({ build, inputs }) =>
    build.node(op, inputs);

const isZero = (atom: TracedAtom): boolean => isLiteral(atom) && atom.value === 0;

/** The x of `x < 0` or `x <= 0`, or of `0 < x` or `0 <= x`, and which of the two it is. */
function comparedWithZero(
  uses: Uses,
  atom: TracedAtom,
): { readonly x: TracedAtom; readonly isBelow: boolean } | undefined {
  const made = uses.maker(atom);
  if (made?.primitive !== "compare") return undefined;
  const { op } = made.params;
  if (op !== "less" && op !== "less_equal") return undefined;
  const [a, b] = made.inputs;
  if (isZero(b)) return { x: a, isBelow: true };
  return isZero(a) ? { x: b, isBelow: false } : undefined;
}

/** The number that a branch multiplies x with (x itself, 0, -x, x times a number), or null. */
function slopeOf(uses: Uses, branch: TracedAtom, x: TracedAtom): number | null {
  if (branch === x) return 1;
  if (isZero(branch)) return 0;
  const made = uses.maker(branch);
  if (made?.primitive === "neg") return made.inputs[0] === x ? -1 : null;
  if (made?.primitive !== "mul") return null;
  const [a, b] = made.inputs;
  if (a === x && isLiteral(b)) return b.value;
  return b === x && isLiteral(a) ? a.value : null;
}

const sameShape = ({ shapes, output }: RuleContext, at: number) =>
  shapes[at].length === output.length && shapes[at].every((size, i) => size === output[i]);

/** `below * x` for negative x and `above * x` for positive x, by operations that inference knows to be homogeneous. */
function kinked({ build }: RuleContext, x: string, below: number, above: number): string {
  const times = (value: string, factor: number) =>
    factor === 1 ? value : build.node("Mul", [value, build.constant([factor], [], false)]);
  if (above === 0) return times(build.node("Relu", [build.node("Neg", [x])]), -below);
  const bent =
    below === 0 ? build.node("Relu", [x]) : build.node("LeakyRelu", [x], { alpha: below / above });
  return times(bent, above);
}

/** `where(x < 0, a x, b x)` is a leaky ReLU of some slopes. */
function where(context: RuleContext): string {
  const { build, equation, inputs, uses, nameOf } = context;
  const [condition, yes, no] = equation.inputs;
  const found = comparedWithZero(uses, condition);
  if (found !== undefined && sameShape(context, 0)) {
    const slopes = [yes, no].map((branch) => slopeOf(uses, branch, found.x));
    const [below, above] = found.isBelow ? slopes : slopes.toReversed();
    if (below !== null && above !== null) return kinked(context, nameOf(found.x), below, above);
  }
  return build.node("Where", inputs);
}

/** `x * (x > 0)` is a ReLU. */
function mul(context: RuleContext): string {
  const { build, equation, inputs, uses, nameOf } = context;
  for (const [at, atom] of equation.inputs.entries()) {
    const cast = uses.maker(atom);
    const found = cast?.primitive === "cast" ? comparedWithZero(uses, cast.inputs[0]) : undefined;
    if (found !== undefined && equation.inputs[1 - at] === found.x && sameShape(context, at))
      return kinked(context, nameOf(found.x), Number(found.isBelow), Number(!found.isBelow));
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

const logic: Readonly<Record<string, string>> = { and: "And", or: "Or", xor: "Xor" };

function bitCombine({ build, equation, inputs }: RuleContext): string | null {
  const op = logic[String(equation.params["op"])];
  if (op === undefined) return null;
  const isLogical = equation.inputs.every(({ aval }) => aval.dtype === "bool");
  return build.node(isLogical ? op : `Bitwise${op}`, inputs);
}

export const elementwise: Rules = {
  add: plain("Add"),
  mul,
  min: plain("Min"),
  max: plain("Max"),
  bit_combine: bitCombine,
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
