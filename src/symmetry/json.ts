// Specs as JSON, format "weightspace/spec@1": what the command line prints and reads.

import { FormatError } from "../core/errors.ts";
import { formatAxisExpression } from "./expression.ts";
import { defineSpec, type SpecDefinition } from "./spec.ts";
import type { Axis, SymmetrySpec } from "./types.ts";

/** The format that spec files name themselves. */
export const specFormat = "weightspace/spec@1";

/** The JSON value of a spec; `specFromJSON` reads it back to an equal spec. */
export interface SpecJSON {
  readonly format: typeof specFormat;
  readonly axes: Readonly<Record<string, Axis>>;
  readonly tensors: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly axes: readonly string[] }>
  >;
}

/** A plain value for `JSON.stringify`. */
export function specToJSON(spec: SymmetrySpec): SpecJSON {
  const tensors = Object.entries(spec.tensors).map(
    ([name, { shape, axes }]) => [name, { shape, axes: axes.map(formatAxisExpression) }] as const,
  );
  return { format: specFormat, axes: spec.axes, tensors: Object.fromEntries(tensors) };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Reads a spec from parsed JSON.
 * @throws {FormatError} when the value is not of the format; {SpecError} when the spec contradicts itself.
 */
export function specFromJSON(value: unknown): SymmetrySpec {
  const fail = (what: string): never => {
    throw new FormatError(`specFromJSON: ${what}; see docs/spec-format.md for the format`);
  };
  if (!isRecord(value))
    return fail(`expected an object, got ${value === null ? "null" : typeof value}`);
  if (value["format"] !== specFormat) {
    return fail(
      `expected "format": "${specFormat}", got ${JSON.stringify(value["format"]) ?? "nothing"}`,
    );
  }
  const { axes, tensors } = value;
  if (!isRecord(axes)) return fail(`expected "axes" to be an object`);
  if (!isRecord(tensors)) return fail(`expected "tensors" to be an object`);
  for (const [name, axis] of Object.entries(axes)) {
    if (!isRecord(axis))
      return fail(`axis ${JSON.stringify(name)} must be an object with "size" and "group"`);
    for (const key of Object.keys(axis)) {
      if (!["size", "group", "scale", "within"].includes(key))
        return fail(`axis ${JSON.stringify(name)} has unknown key "${key}"`);
    }
    if (axis["within"] !== undefined && typeof axis["within"] !== "string")
      return fail(`axis ${JSON.stringify(name)}: "within" must be an axis name`);
  }
  for (const [name, tensor] of Object.entries(tensors)) {
    const shape = isRecord(tensor) ? tensor["shape"] : undefined;
    const expressions = isRecord(tensor) ? tensor["axes"] : undefined;
    if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
      return fail(`tensor ${JSON.stringify(name)} must have a "shape" of whole numbers`);
    }
    if (!Array.isArray(expressions) || !expressions.every((text) => typeof text === "string")) {
      return fail(`tensor ${JSON.stringify(name)} must have "axes", one expression per dimension`);
    }
  }
  return defineSpec({ axes, tensors } as unknown as SpecDefinition);
}
