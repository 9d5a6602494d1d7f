// Symmetry specs: the axes of a weight space, the group acting on each, and which axes every tensor dimension is made of.

import { SpecError, type SpecProblem } from "../core/errors.ts";
import { frozenRecord, lookup } from "../core/records.ts";
import { checkSpec } from "./check.ts";
import { type AxisExpression, expressionSize, parseAxisExpression } from "./expression.ts";
import type { Axis, SymmetrySpec, TensorSpec } from "./types.ts";

/** What a caller writes: expressions as text; the shape follows from the axes unless given to be checked. */
export interface SpecDefinition {
  readonly axes: Readonly<Record<string, Axis>>;
  readonly tensors: Readonly<
    Record<
      string,
      | readonly string[]
      | {
          readonly shape?: readonly number[];
          readonly axes: readonly string[];
          /** The phase axis by whose windings the tensor is shifted. */
          readonly shift?: string;
        }
    >
  >;
}

/** How strictly {@link defineSpec} judges a spec. */
export interface DefineSpecOptions {
  /** Treat warnings as errors. @default false */
  readonly strict?: boolean;
}

/**
 * A validated spec from axes and the axis expressions of every tensor.
 *
 * ```ts
 * const spec = defineSpec({
 *   axes: { in: { size: 64, group: "fixed" }, h: { size: 32, group: "permutation" } },
 *   tensors: { "fc1.weight": ["h", "in"], "fc1.bias": ["h"] },
 * });
 * ```
 * @throws {SpecError} listing every problem at once: unknown axes, sizes that disagree, misplaced `within`, empty specs.
 */
export function defineSpec(
  definition: SpecDefinition,
  { strict = false }: DefineSpecOptions = {},
): SymmetrySpec {
  const problems: SpecProblem[] = [];
  const tensors: [string, TensorSpec][] = [];
  const sizeOfAxis = (name: string) => lookup(definition.axes, name)?.size ?? 0;
  for (const part of ["axes", "tensors"] as const) {
    if (typeof definition?.[part] === "object" && definition[part] !== null) continue;
    const message = `"${part}" must be an object, got ${String(definition?.[part])}`;
    throw new SpecError("spec", [{ severity: "error", message }]);
  }
  for (const [axis, entry] of Object.entries(definition.axes)) {
    if (typeof entry === "object" && entry !== null) continue;
    throw new SpecError("spec", [
      { severity: "error", axis, message: `axis "${axis}" must be an object with size and group` },
    ]);
  }
  for (const [tensor, entry] of Object.entries(definition.tensors)) {
    const listed: unknown = Array.isArray(entry)
      ? entry
      : (entry as { axes?: unknown } | null)?.axes;
    if (!Array.isArray(listed) || !listed.every((text) => typeof text === "string")) {
      const message = `tensor "${tensor}" must be a list of axis expressions, or an object with "axes"`;
      throw new SpecError("spec", [{ severity: "error", tensor, message }]);
    }
    const texts: readonly string[] = Array.isArray(entry)
      ? entry
      : (entry as { axes: readonly string[] }).axes;
    const { shape: given, shift } = Array.isArray(entry)
      ? {}
      : (entry as { shape?: readonly number[]; shift?: string });
    const axes: AxisExpression[] = [];
    for (const [dimension, text] of texts.entries()) {
      try {
        axes.push(parseAxisExpression(text));
      } catch (error) {
        if (!(error instanceof SpecError)) throw error;
        for (const problem of error.problems) {
          const message = `tensor "${tensor}", dimension ${dimension}: ${problem.message}`;
          problems.push({ ...problem, message, tensor, dimension });
        }
        axes.push({ kind: "block", size: given?.[dimension] ?? 1 });
      }
    }
    const shape = given ?? axes.map((axis) => expressionSize(axis, sizeOfAxis));
    tensors.push([
      tensor,
      Object.freeze({
        shape: Object.freeze([...shape]),
        axes: Object.freeze(axes),
        ...(shift !== undefined && { shift }),
      }),
    ]);
  }
  const axes = Object.entries(definition.axes).map(
    ([name, axis]) => [name, Object.freeze({ ...axis })] as const,
  );
  return sealSpec({ axes: frozenRecord(axes), tensors: frozenRecord(tensors) }, problems, strict);
}

/** A spec from parts whose expressions are already parsed (how inference builds specs). @throws {SpecError} */
export function sealSpec(
  parts: Pick<SymmetrySpec, "axes" | "tensors">,
  earlier: readonly SpecProblem[] = [],
  strict = false,
): SymmetrySpec {
  const found = [...earlier, ...checkSpec(parts)];
  const errors = found.filter((problem) => strict || problem.severity === "error");
  if (errors.length > 0) throw new SpecError("spec", errors);
  return Object.freeze({ ...parts, warnings: Object.freeze(found) });
}
