// Validation of specs: every problem at once, each naming tensor, dimension and axis.

import type { SpecProblem } from "../core/errors.ts";
import { lookup } from "../core/records.ts";
import { splitParts } from "./parts.ts";
import {
  type AxisExpression,
  axesOfExpression,
  inverseAxes,
  stillAxes,
  axisNamePattern,
  expressionSize,
  formatAxisExpression,
} from "./expression.ts";
import type { AxesAndTensors, Axis } from "./types.ts";

const groups = ["fixed", "permutation", "general-linear"];
const scales = ["sign", "positive", "phase"];
const waves = ["sine", "cosine"];
/** Frequencies whose shifts are numbers in every format. */
const omegas = { least: 1e-6, most: 1e9 } as const;
/** A value as JSON has it: `{}`, `"free"`, `nothing`. */
const said = (value: unknown) =>
  typeof value === "number" ? String(value) : (JSON.stringify(value) ?? "nothing");
const isSize = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1;

/** All problems of a spec. Errors make it unusable; warnings point at what is probably a slip. */
export function checkSpec(spec: AxesAndTensors): SpecProblem[] {
  const problems = [...checkAxes(spec), ...checkTensors(spec), ...checkShifts(spec)];
  if (problems.some((problem) => problem.severity === "error")) return problems;
  return [...checkParents(spec), ...checkAccidentalTies(spec)];
}

function checkAxes({ axes, tensors }: AxesAndTensors): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const add = (axis: string, message: string) =>
    problems.push({ severity: "error", axis, message: `axis "${axis}": ${message}` });
  if (Object.keys(tensors).length === 0) {
    problems.push({
      severity: "error",
      message: "the spec has no tensors; name at least one with its axes",
    });
  }
  for (const [name, axis] of Object.entries(axes)) {
    if (!axisNamePattern.test(name))
      add(name, "the name must start with a letter and hold only letters, digits, _ . : / [ ] -");
    if (!isSize(axis.size))
      add(name, `size must be an integer of at least 1, got ${said(axis.size)}`);
    if (!groups.includes(axis.group))
      add(name, `group must be one of ${groups.join(", ")}, got ${said(axis.group)}`);
    if (axis.scale !== undefined && !scales.includes(axis.scale)) {
      add(name, `scale must be one of ${scales.join(", ")}, got ${said(axis.scale)}`);
    }
    if (axis.scale !== undefined && axis.group !== "permutation") {
      add(name, `a scale part needs group "permutation", got ${said(axis.group)}`);
    }
    for (const problem of phaseProblems(axis)) add(name, problem);
    if (axis.within === undefined) continue;
    if (lookup(axes, axis.within) === undefined)
      add(name, `lies within unknown axis "${axis.within}"`);
    const seen = new Set([name]);
    let ancestor: string | undefined = axis.within;
    while (ancestor !== undefined && !seen.has(ancestor)) {
      seen.add(ancestor);
      ancestor = lookup(axes, ancestor)?.within;
    }
    if (ancestor !== undefined)
      add(name, `"within" forms a cycle: ${[...seen, ancestor].join(" within ")}`);
  }
  return problems;
}

/** What is wrong with the phase part of an axis. */
function phaseProblems({ scale, omega, wave }: Axis): string[] {
  if (scale !== "phase") {
    const extra = omega === undefined ? (wave === undefined ? undefined : "wave") : "omega";
    return extra === undefined ? [] : [`"${extra}" is for axes with "scale": "phase"`];
  }
  return [
    ...(typeof omega === "number" && omega >= omegas.least && omega <= omegas.most
      ? []
      : [
          `scale "phase" needs "omega", a number from ${omegas.least} to ${omegas.most}, got ${JSON.stringify(omega) ?? "none"}`,
        ]),
    ...(wave === undefined || waves.includes(wave)
      ? []
      : [`wave must be one of ${waves.join(", ")}, got ${JSON.stringify(wave)}`]),
  ];
}

/** Shifted tensors stand along a phase axis, and every phase axis shifts some tensor: nothing else undoes its flips. */
function checkShifts({ axes, tensors }: AxesAndTensors): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const shifted = new Set<string>();
  const isScaled = (expression: AxisExpression, shift: string) =>
    axesOfExpression(expression).some((name) => {
      const { scale, group } = lookup(axes, name) ?? {};
      return name !== shift && (scale !== undefined || group === "general-linear");
    });
  for (const [tensor, { axes: dimensions, shift }] of Object.entries(tensors)) {
    if (shift === undefined) continue;
    const add = (message: string) =>
      problems.push({ severity: "error", tensor, message: `tensor "${tensor}": ${message}` });
    shifted.add(shift);
    if (lookup(axes, shift)?.scale !== "phase")
      add(`"shift": ${JSON.stringify(shift)} names no axis with "scale": "phase"`);
    else if (!dimensions.some((expression) => axesOfExpression(expression).includes(shift)))
      add(`it is shifted along "${shift}", but no dimension of it has that axis`);
    else if (
      dimensions.filter((expression) => axesOfExpression(expression).includes(shift)).length > 1
    )
      add(`it is shifted along "${shift}", so only one dimension can have that axis`);
    else if (dimensions.some((expression) => isScaled(expression, shift)))
      add(
        `it is shifted along "${shift}", so no other axis with a scale part or a basis can act on it`,
      );
    else if (dimensions.some((expression) => inverseAxes(expression).includes(shift)))
      add(`it is shifted along "${shift}", so it cannot have "${shift}^-1" too`);
  }
  for (const [axis, { scale }] of Object.entries(axes)) {
    if (scale !== "phase" || shifted.has(axis)) continue;
    const message = `axis "${axis}" has phases, but no tensor is shifted along it; write "shift": "${axis}" beside the axes of its bias, or "scale": "sign" where there is none`;
    problems.push({ severity: "error", axis, message });
  }
  return problems;
}

function checkTensors({ axes, tensors }: AxesAndTensors): SpecProblem[] {
  const problems: SpecProblem[] = [];
  for (const [tensor, { shape, axes: dimensions }] of Object.entries(tensors)) {
    if (shape.length !== dimensions.length) {
      const message = `tensor "${tensor}": shape [${shape.join(", ")}] has ${shape.length} dimensions but ${dimensions.length} axis expressions are given`;
      problems.push({ severity: "error", tensor, message });
      continue;
    }
    for (const [dimension, expression] of dimensions.entries()) {
      const where = `tensor "${tensor}", dimension ${dimension}`;
      const unknown = [...new Set(axesOfExpression(expression))].filter(
        (name) => lookup(axes, name) === undefined,
      );
      for (const axis of unknown) {
        const known = Object.keys(axes).slice(0, 12).join(", ") || "none";
        problems.push({
          severity: "error",
          tensor,
          dimension,
          axis,
          message: `${where}: unknown axis "${axis}"; the spec has ${known}`,
        });
      }
      if (unknown.length > 0) continue;
      for (const axis of stillAxes(expression)) {
        const { group, scale } = axes[axis];
        if (group !== "general-linear" && scale !== "sign" && scale !== "phase") continue;
        const what = scale === "sign" ? "sign flips" : scale === "phase" ? "phases" : "matrices";
        const message = `${where}: "${axis}^0" leaves scales out, but ${what} act on "${axis}"; ^0 is for axes with positive scales`;
        problems.push({ severity: "error", tensor, dimension, axis, message });
      }
      if (!axesOfExpression(expression).every((name) => isSize(axes[name].size))) continue; // said above
      const sizeOfAxis = (name: string) => axes[name].size;
      const uneven = unevenTurns(expression, sizeOfAxis);
      if (uneven !== null) {
        const message = `${where}: "${formatAxisExpression(uneven)}" takes entries in turn of terms with different sizes (${uneven.terms.map((term) => expressionSize(term, sizeOfAxis)).join(", ")}); terms of & must be of one size`;
        problems.push({ severity: "error", tensor, dimension, message });
        continue;
      }
      const size = expressionSize(expression, sizeOfAxis);
      if (size !== shape[dimension]) {
        const text = formatAxisExpression(expression);
        const message = `${where}: the file has size ${shape[dimension]} but "${text}" has size ${size}`;
        problems.push({ severity: "error", tensor, dimension, message });
      }
    }
  }
  return problems;
}

/** The first interleaving of terms that are not of one size; null where there is none. */
function unevenTurns(
  expression: AxisExpression,
  sizeOfAxis: (name: string) => number,
): Extract<AxisExpression, { kind: "interleaved" }> | null {
  if (expression.kind === "axis" || expression.kind === "block") return null;
  const inside = expression.kind === "product" ? expression.factors : expression.terms;
  if (expression.kind === "interleaved") {
    const sizes = inside.map((term) => expressionSize(term, sizeOfAxis));
    if (sizes.some((size) => size !== sizes[0])) return expression;
  }
  for (const part of inside) {
    const found = unevenTurns(part, sizeOfAxis);
    if (found !== null) return found;
  }
  return null;
}

/** An axis that lies within another needs that other axis beside it in every tensor. */
function checkParents(spec: AxesAndTensors): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const isWithin = (name: string) => spec.axes[name].within !== undefined;
  for (const [tensor, { axes }] of Object.entries(spec.tensors)) {
    if (!axes.some((expression) => axesOfExpression(expression).some(isWithin))) continue;
    for (const part of splitParts(spec, tensor).parts) {
      for (const dim of part.dims) {
        const parent = dim.axis === null ? undefined : spec.axes[dim.axis].within;
        if (parent === undefined || dim.parent !== null) continue;
        const message = `tensor "${tensor}", dimension ${dim.dimension}: axis "${dim.axis}" lies within "${parent}", but the tensor has no "${parent}" beside it; write "${parent} * ${dim.axis}" or drop "within"`;
        problems.push({
          severity: "error",
          tensor,
          dimension: dim.dimension,
          axis: dim.axis ?? "",
          message,
        });
      }
    }
  }
  return problems;
}

/**
 * An axis that appears twice in one tensor and in no other ties two dimensions that nothing else links: the mark of a
 * name used twice by mistake. (The published CNN spec of UNF ties a kernel's height to its input channels this way.)
 */
function checkAccidentalTies({ axes, tensors }: AxesAndTensors): SpecProblem[] {
  const uses = new Map<string, { tensor: string; dimensions: number[] }[]>();
  for (const [tensor, { axes: dimensions }] of Object.entries(tensors)) {
    const byAxis = new Map<string, number[]>();
    for (const [dimension, expression] of dimensions.entries()) {
      for (const name of axesOfExpression(expression)) {
        byAxis.set(name, [...(byAxis.get(name) ?? []), dimension]);
      }
    }
    for (const [name, used] of byAxis) {
      const known = uses.get(name);
      if (known === undefined) uses.set(name, [{ tensor, dimensions: used }]);
      else known.push({ tensor, dimensions: used });
    }
  }
  const problems: SpecProblem[] = [];
  for (const [axis, tensorsUsing] of uses) {
    const [only] = tensorsUsing;
    const distinct = [...new Set(only.dimensions)];
    if (tensorsUsing.length > 1 || distinct.length < 2 || axes[axis].group === "fixed") continue;
    const message = `axis "${axis}" ties dimensions ${distinct.join(" and ")} of tensor "${only.tensor}" to each other and appears nowhere else; if they are different axes, give them different names`;
    problems.push({ severity: "warning", tensor: only.tensor, axis, message });
  }
  return problems;
}
