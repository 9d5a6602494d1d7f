// Weaker specs: fewer group elements, chosen by a person who knows that a published system ignores the others.

import { OptionError } from "../core/errors.ts";
import { lookup } from "../core/records.ts";
import type { Axis, SymmetrySpec, TensorSpec } from "./types.ts";

export interface WeakenOptions {
  /** Axes that nothing moves any more. Axes within them stay. @default [] */
  readonly fix?: readonly string[];
  /** Axes that lose their scale part. @default [] */
  readonly dropScale?: readonly string[];
}

/**
 * The spec with a smaller group: what is a symmetry of it is one of the original.
 * @throws {OptionError} for an axis that the spec does not have.
 */
export function weakenSpec(
  spec: SymmetrySpec,
  { fix = [], dropScale = [] }: WeakenOptions,
): SymmetrySpec {
  const unknown = [...fix, ...dropScale].find((name) => lookup(spec.axes, name) === undefined);
  if (unknown !== undefined)
    throw new OptionError(
      `weakenSpec: unknown axis "${unknown}", expected one of ${Object.keys(spec.axes).join(", ")}`,
    );
  const axes = Object.entries(spec.axes).map(([name, axis]): [string, Axis] => {
    const { scale, omega: _omega, wave: _wave, ...rest } = axis;
    const { within } = axis;
    if (fix.includes(name))
      return [name, { size: axis.size, group: "fixed", ...(within !== undefined && { within }) }];
    return [name, scale === undefined || dropScale.includes(name) ? rest : axis];
  });
  const tensors = Object.entries(spec.tensors).map(([name, tensor]): [string, TensorSpec] => {
    const { shift, ...rest } = tensor;
    const isStill = shift !== undefined && (fix.includes(shift) || dropScale.includes(shift));
    return [name, isStill ? rest : tensor];
  });
  return Object.freeze({
    ...spec,
    axes: Object.fromEntries(axes),
    tensors: Object.fromEntries(tensors),
  });
}

/** The spec whose sign parts are read as positive factors, as published for networks with sine and tanh. Not weaker: for planning only. */
export function signsAsPositive(spec: SymmetrySpec): SymmetrySpec {
  const axes = Object.entries(spec.axes).map(([name, axis]): [string, Axis] => [
    name,
    axis.scale === "sign" ? { ...axis, scale: "positive" } : axis,
  ]);
  return Object.freeze({ ...spec, axes: Object.fromEntries(axes) });
}
