// From a traced program to the graph that inference follows: one rule a primitive, nested programs in place. Primitives
// without a rule become operations that inference does not know, so they fail closed under their own name.

import { elementwise } from "./elementwise.ts";
import type { GraphBuilder } from "./graph-builder.ts";
import { movement } from "./movement.ts";
import { oddFunction } from "./odd-functions.ts";
import { isFloat, isLiteral, type TracedAtom, type TracedProgram, usesOf } from "./program.ts";
import type { Rule } from "./rule.ts";
import { isReducedPool, sums } from "./sums.ts";

const rules = new Map<string, Rule>(Object.entries({ ...elementwise, ...movement, ...sums }));

/** Adds the program's equations; gives the value names of its results. `inputs` name the values of its arguments. */
export function translate(
  program: TracedProgram,
  inputs: readonly string[],
  build: GraphBuilder,
): string[] {
  const uses = usesOf(program);
  const names = new Map<TracedAtom, string>(
    program.inBinders.map((variable, i) => [variable, inputs[i]]),
  );
  const nameOf = (atom: TracedAtom): string => {
    if (isLiteral(atom)) return build.constant([atom.value], [], !isFloat(atom.aval.dtype));
    const name = names.get(atom);
    if (name === undefined)
      throw new Error(`translate: variable ${atom.id} is read before it is made`);
    return name;
  };
  for (const equation of program.eqns) {
    if (isReducedPool(equation, uses)) continue;
    const pooled = uses.maker(equation.inputs[0]);
    const values = equation.inputs.map((atom, i) =>
      i === 0 && pooled !== undefined && isReducedPool(pooled, uses) ? "" : nameOf(atom),
    );
    const types = equation.outBinders.map(({ aval }) => aval);
    const made =
      equation.primitive === "jit"
        ? nested(equation.params["jaxpr"] as TracedProgram, oddFunction(equation), values, build)
        : rules.get(equation.primitive)?.({
            equation,
            inputs: values,
            shapes: equation.inputs.map(({ aval }) => aval.shape),
            output: types[0].shape,
            build,
            uses,
            nameOf,
          });
    const outputs = made ?? build.unknown(equation.primitive, values, types);
    const list = typeof outputs === "string" ? [outputs] : outputs;
    for (const [i, variable] of equation.outBinders.entries()) names.set(variable, list[i]);
  }
  return program.outs.map(nameOf);
}

function nested(
  program: TracedProgram,
  op: string | undefined,
  values: readonly string[],
  build: GraphBuilder,
): string | string[] {
  return op === undefined ? translate(program, values, build) : build.node(op, values);
}
