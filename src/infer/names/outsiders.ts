// Tensors that no family explains: heads of one's own, towers, scales, buffers. What they may read is held still, the rest of
// the network keeps its symmetries. A tensor of a layer may read everything in it; one outside sees what layers hand on, and
// the order of attention heads; a single number has no order that it could disturb.

import { sizeOf } from "../../core/shapes.ts";
import type { Axis } from "../../symmetry/types.ts";
import { axesIn, fixed, type Reading } from "./spec-builder.ts";
import type { NamedShape } from "./template.ts";

/** Holds still what the unknown tensors of a file may read of one network, which stands behind `prefix`. */
export function holdStill(
  reading: Reading,
  prefix: string,
  unknown: readonly NamedShape[],
): ReadonlyMap<string, Axis> {
  const { axes, layers, views } = reading;
  if (unknown.length === 0) return axes;
  const used = [...reading.assigned].map(([name, texts]) => ({ name, axes: axesIn(texts) }));
  const fix = new Set<string>();
  const plain = new Set<string>();
  const byLength = [...layers].toSorted((a, b) => b.length - a.length);
  const touched = new Map<string, { isNumber: boolean }>();
  for (const { name, shape } of unknown) {
    const isNumber = shape.length <= 1 && sizeOf(shape) === 1;
    const layer = byLength.find((one) => name.startsWith(one)) ?? "";
    const key = layer !== "" ? layer : name.startsWith(prefix) ? prefix : "outside";
    if (layer === "" && isNumber) continue;
    touched.set(key, { isNumber: isNumber && touched.get(key)?.isNumber !== false });
  }
  for (const [key, { isNumber }] of touched)
    if (layers.has(key))
      for (const { name, axes: inside } of used)
        if (name.startsWith(key)) for (const axis of inside) (isNumber ? plain : fix).add(axis);
  const isBody = touched.has(prefix) && !layers.has(prefix);
  if (isBody || touched.has("outside")) {
    for (const axis of crossing(used, byLength)) fix.add(axis);
    for (const [axis, view] of views) if (view === "head" || isBody) fix.add(axis);
  }
  return new Map(
    [...axes].map(([name, axis]) => [
      name,
      fix.has(name) ? fixed(axis) : plain.has(name) ? onlyReordered(axis) : axis,
    ]),
  );
}

/** Without scales and bases: what commutes with one number. */
const onlyReordered = ({ size, group, within }: Axis): Axis => ({
  size,
  group: group === "general-linear" ? "permutation" : group,
  ...(within !== undefined && { within }),
});

/** Axes of tensors outside of layers, and those of several layers that do not stand in each other. */
function crossing(
  used: readonly { readonly name: string; readonly axes: readonly string[] }[],
  layers: readonly string[],
): ReadonlySet<string> {
  const outermost = layers.filter(
    (layer) => !layers.some((other) => other !== layer && layer.startsWith(other)),
  );
  const first = new Map<string, string>();
  const found = new Set<string>();
  for (const { name, axes } of used) {
    const layer = outermost.find((one) => name.startsWith(one)) ?? "";
    for (const axis of axes) {
      if (layer === "" || (first.get(axis) ?? layer) !== layer) found.add(axis);
      first.set(axis, layer);
    }
  }
  return found;
}

/** Names of a list that a message shows. */
const maxNamed = 4;

/** One sentence about tensors that no family explains; none when there are none. */
export function unknownWarning(family: string, unknown: readonly NamedShape[]): string[] {
  if (unknown.length === 0) return [];
  const shown = unknown.slice(0, maxNamed).map(({ name }) => `"${name}"`);
  const more = unknown.length > maxNamed ? ` and ${unknown.length - maxNamed} more` : "";
  return [
    `family "${family}" does not know ${shown.join(", ")}${more}: the axes that they may read stay fixed`,
  ];
}
