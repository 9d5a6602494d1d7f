// Specs as text for people: a table of axes and a table of tensors.

import { visibleName } from "../core/visible.ts";
import { formatAxisExpression, axesOfExpression } from "./expression.ts";
import type { Axis, SymmetrySpec } from "./types.ts";

const scaleWords = { sign: "sign flips", positive: "positive scales" } as const;

const scaleText = ({ scale, omega, wave }: Axis): string => {
  if (scale === undefined) return "";
  if (scale !== "phase") return ` with ${scaleWords[scale]}`;
  return ` with ${wave === "cosine" ? "cosine phases" : "phases"} of omega ${omega}`;
};

/** The group of an axis as people write it: `S_32`, `S_4 in each head`, `S_9 with positive scales`, `S_9 with phases of omega 30`, `GL(16)`, `fixed`. */
export function formatGroup(axis: Axis): string {
  if (axis.group === "fixed") return "fixed";
  const base = axis.group === "permutation" ? `S_${axis.size}` : `GL(${axis.size})`;
  return base + scaleText(axis) + (axis.within === undefined ? "" : ` in each ${axis.within}`);
}

function table(header: readonly string[], cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(visibleName));
  const widths = header.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i].length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join("  ")
      .trimEnd();
  return [line(header), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join(
    "\n",
  );
}

/** Both tables of a spec and its warnings, ending without a newline. */
export function printSpec(spec: SymmetrySpec): string {
  const uses = new Map<string, number>();
  for (const { axes } of Object.values(spec.tensors)) {
    for (const name of new Set(axes.flatMap(axesOfExpression)))
      uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  const axes = Object.entries(spec.axes).map(([name, axis]) => [
    name,
    String(axis.size),
    formatGroup(axis),
    String(uses.get(name) ?? 0),
  ]);
  const tensors = Object.entries(spec.tensors).map(([name, { shape, axes: dims, shift }]) => [
    name,
    `[${shape.join(", ")}]`,
    dims.map(formatAxisExpression).join(", ") +
      (shift === undefined ? "" : ` (shifted along ${shift})`),
  ]);
  const sections = [
    table(["axis", "size", "group", "tensors"], axes),
    table(["tensor", "shape", "axes"], tensors),
  ];
  const warnings = spec.warnings.map((warning) => visibleName(`warning: ${warning.message}`));
  return [...sections, ...(warnings.length > 0 ? [warnings.join("\n")] : [])].join("\n\n");
}
