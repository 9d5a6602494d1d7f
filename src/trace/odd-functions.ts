// Odd functions that the engine writes as a nested program of simpler steps (tanh is exponentials and a quotient): a
// nested program that reads letter by letter like the engine's own is that function.

import { type DType, makeJaxpr, numpy as np } from "@jax-js/jax";
import type { TracedEquation, TracedProgram } from "./program.ts";

const references: readonly (readonly [op: string, apply: (x: np.Array) => np.Array])[] = [
  ["Tanh", np.tanh],
  ["Sinh", np.sinh],
  ["Asinh", np.arcsinh],
  ["Atanh", np.arctanh],
  ["Tan", np.tan],
];

const cache = new Map<string, string | null>();

/** The text of the nested program the engine makes of one function at this type. */
function textOf(op: string, apply: (x: np.Array) => np.Array, equation: TracedEquation): string {
  const { shape, dtype } = equation.inputs[0].aval;
  const key = `${op} ${dtype}[${shape.join()}]`;
  let text = cache.get(key);
  if (text === undefined) {
    const example = np.zeros([...shape], { dtype: dtype as DType });
    const { jaxpr } = makeJaxpr(apply)(example);
    example.dispose();
    const [only, ...more] = jaxpr.jaxpr.eqns;
    const nested = only?.params["jaxpr"] as TracedProgram | undefined;
    text = nested === undefined || more.length > 0 ? null : nested.toString();
    jaxpr.dispose();
    cache.set(key, text);
  }
  return text ?? "";
}

/** The standard operator that a nested program with one input is, or undefined. */
export function oddFunction(equation: TracedEquation): string | undefined {
  const [input, ...more] = equation.inputs;
  if (more.length > 0 || input === undefined || !input.aval.dtype.startsWith("float"))
    return undefined;
  const text = String(equation.params["jaxpr"]);
  return references.find(([op, apply]) => textOf(op, apply, equation) === text)?.[0];
}
