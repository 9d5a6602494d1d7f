// Specs as JSON: what the command line prints and reads. Format "weightspace/spec@3" has interleavings, "weightspace/spec@2"
// phases; specs with neither are written as "weightspace/spec@1", and all are read.

import { FormatError } from "../core/errors.ts";
import { formatAxisExpression, hasInterleaving } from "./expression.ts";
import { defineSpec, type SpecDefinition } from "./spec.ts";
import { hasPhases } from "./phases.ts";
import type { Axis, SymmetrySpec } from "./types.ts";

/** The format that spec files name themselves. */
export const specFormat = "weightspace/spec@1";

/** The format of spec files with phases. */
export const phaseSpecFormat = "weightspace/spec@2";

/** The format of spec files with interleavings (`a & b`), with or without phases. */
export const interleavedSpecFormat = "weightspace/spec@3";

/** The JSON value of a spec; `specFromJSON` reads it back to an equal spec. */
export interface SpecJSON {
  readonly format: typeof specFormat | typeof phaseSpecFormat | typeof interleavedSpecFormat;
  readonly axes: Readonly<Record<string, Axis>>;
  readonly tensors: Readonly<
    Record<
      string,
      {
        readonly shape: readonly number[];
        readonly axes: readonly string[];
        readonly shift?: string;
      }
    >
  >;
}

/** A plain value for `JSON.stringify`. */
export function specToJSON(spec: SymmetrySpec): SpecJSON {
  const tensors = Object.entries(spec.tensors).map(
    ([name, { shape, axes, shift }]) =>
      [
        name,
        { shape, axes: axes.map(formatAxisExpression), ...(shift !== undefined && { shift }) },
      ] as const,
  );
  const isInterleaved = Object.values(spec.tensors).some(({ axes }) => axes.some(hasInterleaving));
  const format = isInterleaved
    ? interleavedSpecFormat
    : hasPhases(spec)
      ? phaseSpecFormat
      : specFormat;
  return { format, axes: spec.axes, tensors: Object.fromEntries(tensors) };
}

/** Keys of an axis that each format knows. */
const axisKeys: Readonly<Record<string, readonly string[]>> = {
  [specFormat]: ["size", "group", "scale", "within"],
  [phaseSpecFormat]: ["size", "group", "scale", "omega", "wave", "within"],
  [interleavedSpecFormat]: ["size", "group", "scale", "omega", "wave", "within"],
};

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
  const { format } = value;
  if (format !== specFormat && format !== phaseSpecFormat && format !== interleavedSpecFormat) {
    return fail(
      `expected "format": "${specFormat}", "${phaseSpecFormat}" for specs with phases, or "${interleavedSpecFormat}" for specs with interleavings, got ${JSON.stringify(format) ?? "nothing"}`,
    );
  }
  const { axes, tensors } = value;
  if (!isRecord(axes)) return fail(`expected "axes" to be an object`);
  if (!isRecord(tensors)) return fail(`expected "tensors" to be an object`);
  for (const [name, axis] of Object.entries(axes)) {
    if (!isRecord(axis))
      return fail(`axis ${JSON.stringify(name)} must be an object with "size" and "group"`);
    for (const key of Object.keys(axis)) {
      if (axisKeys[format].includes(key)) continue;
      const isLater = axisKeys[phaseSpecFormat].includes(key);
      return fail(
        `axis ${JSON.stringify(name)} has unknown key "${key}"${isLater ? `, which needs "format": "${phaseSpecFormat}"` : ""}`,
      );
    }
    if (format === specFormat && axis["scale"] === "phase")
      return fail(
        `axis ${JSON.stringify(name)}: "scale": "phase" needs "format": "${phaseSpecFormat}"`,
      );
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
    if (format !== interleavedSpecFormat && expressions.some((text) => text.includes("&")))
      return fail(
        `tensor ${JSON.stringify(name)}: "&" in axes needs "format": "${interleavedSpecFormat}"`,
      );
    const shift = isRecord(tensor) ? tensor["shift"] : undefined;
    if (shift === undefined) continue;
    if (format === specFormat)
      return fail(`tensor ${JSON.stringify(name)}: "shift" needs "format": "${phaseSpecFormat}"`);
    if (typeof shift !== "string")
      return fail(`tensor ${JSON.stringify(name)}: "shift" must be an axis name`);
  }
  return defineSpec({ axes, tensors } as unknown as SpecDefinition);
}
