// Reads the tensors of a file as the networks of one family, each at its place, and makes one spec of them.

import { OptionError, SpecError, type SpecProblem } from "../../core/errors.ts";
import {
  type AxisExpression,
  formatAxisExpression,
  parseAxisExpression,
} from "../../symmetry/expression.ts";
import { defineSpec } from "../../symmetry/spec.ts";
import type { Axis, SymmetrySpec } from "../../symmetry/types.ts";
import { readBeside } from "./adapters.ts";
import { axesIn, fixed, openBuilder, type Reading } from "./spec-builder.ts";
import { holdStill, unknownWarning } from "./outsiders.ts";
import type { ModelFacts, NamedShape, Place, Template } from "./template.ts";

export interface NamesReading {
  readonly spec: SymmetrySpec;
  readonly warnings: readonly string[];
  /** Tensors that the family does not explain. */
  readonly unknown: readonly string[];
}

/** Tables and counters that any file may hold. */
const buffer =
  /(^|\.)(num_batches_tracked|position_ids|token_type_ids|inv_freq|rope\.freqs|relative_position_index|attn_mask)$/;

/** Whether a tensor is a counter or a table that programs work out again. */
export const isBuffer = (name: string): boolean => buffer.test(name);

/** A network to be read: by which template, where, and what is known of it. */
export interface NetworkPlace {
  readonly template: Template;
  readonly place: Place;
  readonly facts: ModelFacts;
}

interface Network {
  readonly place: Place;
  readonly reading: Reading;
}

/** Reads networks, each by its template. @throws {SpecError} listing every tensor that does not fit; {OptionError} for head counts that do not */
export function readNetworks(
  places: readonly NetworkPlace[],
  tensors: readonly NamedShape[],
): NamesReading {
  const networks = places.map(({ template, place, facts }): Network => {
    const { builder, reading } = openBuilder(tensors, facts);
    template.read(builder, place);
    readBeside(builder, reading);
    return { place, reading };
  });
  settleShared(networks);
  const isKnown = ({ name }: NamedShape) =>
    isBuffer(name) ||
    networks.some(({ reading: { assigned, ignored } }) => assigned.has(name) || ignored.has(name));
  const unknown = tensors.filter((one) => !isKnown(one));
  const families = [...new Set(places.map(({ template }) => template.family))].join(" + ");
  const problems = networks.flatMap(({ reading }) => reading.problems);
  // Whoever names a family whose names say little means all tensors.
  if (places.some(({ template }) => template.optIn))
    for (const { name } of unknown)
      problems.push({
        severity: "error",
        tensor: name,
        message: `tensor "${name}" has no place in family "${families}"`,
      });
  const contradictions = [...new Set(networks.flatMap(({ reading }) => reading.contradictions))];
  if (contradictions.length > 0)
    throw new OptionError(`inferSpecFromNames: ${contradictions.join("; ")}`);
  const subject = `inferSpecFromNames: the tensors do not fit family "${families}"`;
  if (problems.length > 0) throw new SpecError(subject, unique(problems));
  const spec = specOf(networks, tensors, unknown);
  const warnings = networks.flatMap(({ reading }) => reading.warnings);
  return {
    spec,
    warnings: [...new Set(warnings), ...unknownWarning(families, unknown)],
    unknown: unknown.map(({ name }) => name),
  };
}

const unique = (problems: readonly SpecProblem[]): SpecProblem[] => {
  const seen = new Set<string>();
  return problems.filter(({ message }) => !seen.has(message) && seen.add(message));
};

/** A tensor that several networks assign, such as a head around them, is read by all: what it reads is held still. */
function settleShared(networks: readonly Network[]): void {
  const counts = new Map<string, number>();
  for (const { reading } of networks)
    for (const name of reading.assigned.keys()) counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const { reading } of networks) {
    for (const [name, texts] of reading.assigned) {
      if ((counts.get(name) ?? 0) < 2) continue;
      for (const axis of axesIn(texts)) {
        const known = reading.axes.get(axis);
        if (known !== undefined) reading.axes.set(axis, fixed(known));
      }
      reading.assigned.delete(name);
    }
  }
}

function specOf(
  networks: readonly Network[],
  tensors: readonly NamedShape[],
  unknown: readonly NamedShape[],
): SymmetrySpec {
  const axes = new Map<string, Axis>();
  const assigned = new Map<string, readonly string[]>();
  for (const { place, reading } of networks) {
    const named = scopeOf(networks.length > 1 ? place.prefix : "");
    const used = new Set([...reading.assigned.values()].flatMap(axesIn));
    for (const name of used) used.add(reading.axes.get(name)?.within ?? name);
    for (const [name, { within, ...axis }] of holdStill(reading, place.prefix, unknown))
      if (used.has(name))
        axes.set(named(name), { ...axis, ...(within !== undefined && { within: named(within) }) });
    for (const [name, texts] of reading.assigned)
      assigned.set(
        name,
        texts.map((text) => formatAxisExpression(renameAxes(parseAxisExpression(text), named))),
      );
  }
  const described = tensors.flatMap(({ name, shape }) => {
    const texts = assigned.get(name);
    return texts === undefined ? [] : [[name, { shape, axes: texts }] as const];
  });
  return defineSpec({ axes: Object.fromEntries(axes), tensors: Object.fromEntries(described) });
}

/** Axis names of one network among several. */
const scopeOf =
  (prefix: string) =>
  (axis: string): string =>
    prefix === "" ? axis : `${prefix.replaceAll(/[^\w.:/[\]-]|^(?=\d)/g, "_")}${axis}`;

function renameAxes(expression: AxisExpression, named: (axis: string) => string): AxisExpression {
  switch (expression.kind) {
    case "axis":
      return { ...expression, name: named(expression.name) };
    case "block":
      return expression;
    case "product":
      return { ...expression, factors: expression.factors.map((one) => renameAxes(one, named)) };
    case "sum":
    case "interleaved":
      return { ...expression, terms: expression.terms.map((one) => renameAxes(one, named)) };
  }
}
