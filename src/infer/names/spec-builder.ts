// The builder of one network: what its template assigns, declares and cannot explain.

import { type SpecProblem } from "../../core/errors.ts";
import { equalShapes, formatShape } from "../../core/shapes.ts";
import {
  axesOfExpression,
  expressionSize,
  parseAxisExpression,
} from "../../symmetry/expression.ts";
import type { Axis } from "../../symmetry/types.ts";
import type {
  AxisView,
  FactorPlaces,
  ModelFacts,
  NamedShape,
  SpecBuilder,
  TensorDimension,
} from "./template.ts";

/** What a template left on its builder. */
export interface Reading {
  readonly axes: Map<string, Axis>;
  /** Expressions of every assigned tensor, as text. */
  readonly assigned: Map<string, readonly string[]>;
  readonly ignored: ReadonlySet<string>;
  /** Prefixes of layers. */
  readonly layers: ReadonlySet<string>;
  readonly views: ReadonlyMap<string, AxisView>;
  readonly problems: SpecProblem[];
  /** Where what was told does not agree with the tensors. */
  readonly contradictions: string[];
  readonly warnings: string[];
}

/** An empty builder over the tensors of a file. */
export function openBuilder(
  tensors: readonly NamedShape[],
  facts: ModelFacts,
): { readonly builder: SpecBuilder; readonly reading: Reading } {
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
  const axes = new Map<string, Axis>();
  const assigned = new Map<string, readonly string[]>();
  const ignored = new Set<string>();
  const layers = new Set<string>();
  const views = new Map<string, AxisView>();
  const problems: SpecProblem[] = [];
  const contradictions: string[] = [];
  const warnings: string[] = [];
  const problem = (message: string, tensor?: string) =>
    void problems.push({ severity: "error", message, ...(tensor !== undefined && { tensor }) });
  const look = {
    facts,
    names: tensors.map(({ name }) => name),
    has: (name: string) => shapes.has(name),
    peek: (name: string) => shapes.get(name),
    sizeOf: (axis: string) => axes.get(axis)?.size,
    problem,
    contradiction: (message: string) => void contradictions.push(message),
    warn: (message: string) => void (warnings.includes(message) || warnings.push(message)),
    ignore: (name: string) => void (shapes.has(name) && ignored.add(name)),
    layer: (prefix: string) => void layers.add(prefix),
    seen: (axis: string, by: AxisView) => void views.set(axis, by),
  };
  const assignments = assignmentsOn({ shapes, axes, assigned, problem });
  const builder: SpecBuilder = {
    ...look,
    ...assignments,
    ...declarationsOn(axes, problem),
    factor: (name, places) => addFactor({ axes, assigned }, shapes, name, places),
  };
  const left = { axes, assigned, ignored, layers, views, problems, contradictions, warnings };
  return { builder, reading: left };
}

type Problem = SpecBuilder["problem"];

const declarationsOn = (
  axes: Map<string, Axis>,
  problem: Problem,
): Pick<SpecBuilder, "axis" | "fix"> => ({
  axis(name, size, extra = {}) {
    const known = axes.get(name);
    if (!Number.isSafeInteger(size) || size < 1) problem(`axis "${name}" would have size ${size}`);
    else if (known === undefined) axes.set(name, { group: "permutation", ...extra, size });
    else if (known.size !== size)
      problem(`axis "${name}" has size ${known.size} in one tensor and ${size} in another`);
    return name;
  },
  fix(name) {
    const axis = axes.get(name);
    if (axis !== undefined) axes.set(name, fixed(axis));
  },
});

/** The axis, moved by nothing; axes within it stay what they are. */
export const fixed = ({ size, within }: Axis): Axis => ({
  size,
  group: "fixed",
  ...(within !== undefined && { within }),
});

/** Puts a factor into the expressions of tensors, where all of them have its axis alone. */
function addFactor(
  { axes, assigned }: Pick<Reading, "axes" | "assigned">,
  shapes: ReadonlyMap<string, readonly number[]>,
  name: string,
  places: FactorPlaces,
): void {
  const here = ([tensor]: TensorDimension) => shapes.has(tensor);
  const textAt = ([tensor, dimension]: TensorDimension) => assigned.get(tensor)?.[dimension];
  const times = [places.times, ...places.with.filter(here)];
  const over = places.over.filter(here);
  const axis = textAt(places.times);
  const group = axis === undefined ? undefined : axes.get(axis)?.group;
  if (axis === undefined || group !== "permutation" || over.length === 0 || axes.has(name)) return;
  if ([...times, ...over].some((place) => textAt(place) !== axis)) return;
  axes.set(name, { size: 1, group: "general-linear", within: axis });
  const put = ([tensor, dimension]: TensorDimension, factor: string) =>
    assigned.set(tensor, (assigned.get(tensor) ?? []).with(dimension, `${axis} * ${factor}`));
  for (const place of times) put(place, name);
  for (const place of over) put(place, `${name}^-1`);
}

interface AssignmentParts {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly axes: ReadonlyMap<string, Axis>;
  readonly assigned: Map<string, readonly string[]>;
  readonly problem: Problem;
}

function assignmentsOn({
  shapes,
  axes,
  assigned,
  problem,
}: AssignmentParts): Pick<SpecBuilder, "shape" | "assign" | "assignIf"> {
  const assign = (name: string, expressions: readonly string[]): void => {
    const shape = shapes.get(name);
    if (shape === undefined) return problem(`tensor "${name}" is missing`, name);
    if (assigned.has(name)) return problem(`tensor "${name}" is used twice by the template`, name);
    assigned.set(name, expressions);
    const expected = expressions.map((text) =>
      expressionSize(parseAxisExpression(text), (axis) => axes.get(axis)?.size ?? NaN),
    );
    if (!equalShapes(expected, shape))
      problem(
        `tensor "${name}": expected shape ${formatShape(expected)} (${expressions.join(", ") || "one number"}), got ${formatShape(shape)}`,
        name,
      );
  };
  return {
    assign,
    assignIf(name, expressions) {
      if (shapes.has(name)) assign(name, expressions);
      return shapes.has(name);
    },
    shape(name, rank) {
      const found = shapes.get(name);
      if (found === undefined) problem(`tensor "${name}" is missing`, name);
      else if (found.length !== rank)
        problem(
          `tensor "${name}": expected ${rank} dimensions, got shape ${formatShape(found)}`,
          name,
        );
      else return found;
      return null;
    },
  };
}

/** Axes of the expressions of a tensor. */
export const axesIn = (expressions: readonly string[]): string[] =>
  expressions.flatMap((text) => axesOfExpression(parseAxisExpression(text)));
