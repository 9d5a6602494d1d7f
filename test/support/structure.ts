// The moving axes of a spec in short: sizes, groups, and the enclosing axis.

import { type AxisExpression, productOf, stillAxes } from "../../src/symmetry/expression.ts";
import { isFactor, type SymmetrySpec } from "../../src/symmetry/types.ts";
import { weakenSpec } from "../../src/symmetry/weaken.ts";

/** `12` for S_12 or GL(12), `4 in 3` for an axis of 4 within one of 3; sorted. */
export const structureOf = ({ axes }: SymmetrySpec): string[] =>
  Object.values(axes)
    .filter(({ group }) => group !== "fixed")
    .map(({ size, within }) =>
      within === undefined ? `${size}` : `${size} in ${axes[within].size}`,
    )
    .sort();

/** The free axes, as `S_9 positive` or `GL_4 in S_2`, sorted. */
export function freeAxes({ axes }: SymmetrySpec): string[] {
  const named = (name: string): string => {
    const { group, size, scale } = axes[name];
    const letter = { "general-linear": "GL", permutation: "S", fixed: "fixed" }[group];
    return `${letter}_${size}${scale === undefined ? "" : ` ${scale}`}`;
  };
  return Object.entries(axes)
    .filter(([, { group }]) => group !== "fixed")
    .map(([name, { within }]) => named(name) + (within === undefined ? "" : ` in ${named(within)}`))
    .toSorted();
}

/** The spec without its factors (GL(1) within another axis), of which names know some. */
export function withoutFactors<Spec extends Pick<SymmetrySpec, "axes" | "tensors">>(
  spec: Spec,
): Spec {
  const isOne = (name: string) => isFactor(spec.axes[name]);
  const plain = (expression: AxisExpression): AxisExpression => {
    if (expression.kind === "sum" || expression.kind === "interleaved")
      return { ...expression, terms: expression.terms.map(plain) };
    if (expression.kind !== "product") return expression;
    return productOf(
      expression.factors
        .filter((one) => one.kind !== "axis" || !isOne(one.name))
        .map((one) => plain(one)),
    );
  };
  const axes = Object.entries(spec.axes).filter(([name]) => !isOne(name));
  const tensors = Object.entries(spec.tensors).map(([name, tensor]) => [
    name,
    { ...tensor, axes: tensor.axes.map(plain) },
  ]);
  return { ...spec, axes: Object.fromEntries(axes), tensors: Object.fromEntries(tensors) };
}

/**
 * The spec without scales that leave some tensors of their axis alone (`h^0`): what tensor names alone say, which know no
 * norms and no gates.
 */
export function withoutPartScales(spec: SymmetrySpec): SymmetrySpec {
  const isPart = (name: string) =>
    Object.values(spec.tensors).some(({ axes }) => axes.flatMap(stillAxes).includes(name));
  const parts = Object.keys(spec.axes).filter(isPart);
  const plain = (expression: AxisExpression): AxisExpression => {
    if (expression.kind === "sum" || expression.kind === "interleaved")
      return { ...expression, terms: expression.terms.map(plain) };
    if (expression.kind === "product")
      return { ...expression, factors: expression.factors.map(plain) };
    if (expression.kind === "block" || !parts.includes(expression.name)) return expression;
    return { kind: "axis", name: expression.name, inverse: false };
  };
  const tensors = Object.entries(spec.tensors).map(([name, tensor]) => [
    name,
    { ...tensor, axes: tensor.axes.map(plain) },
  ]);
  const weaker = weakenSpec(spec, { dropScale: parts });
  return { ...weaker, tensors: Object.fromEntries(tensors) };
}
