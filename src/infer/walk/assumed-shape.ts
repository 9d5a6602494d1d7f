// Shapes of values whose operation is not followed: what the file declares, with names of free sizes filled in, else the
// shape that an element-wise operation would give. Axes of such values are fixed; the shape lets the walk go on behind them.

import { equalShapes } from "../../core/shapes.ts";
import type { OnnxGraph, OnnxNode } from "../../formats/onnx/onnx-types.ts";
import { shapeOfValue, type Value } from "./value.ts";

/** Sizes of named dimensions, as inputs and followed values show them; null where two disagree. */
export type FreeSizes = Map<string, number | null>;

/** Learns the sizes of names from a value that the file declares. */
export function learnSizes(
  { declared, inputs }: OnnxGraph,
  sizes: FreeSizes,
  { name, dims, unknown }: Value,
): void {
  const shape = (declared.get(name) ?? inputs.find((input) => input.name === name))?.shape;
  if (unknown || shape?.length !== dims.length) return;
  for (const [i, named] of shape.entries()) {
    if (typeof named !== "string") continue;
    const known = sizes.get(named);
    sizes.set(named, known === undefined || known === dims[i].size ? dims[i].size : null);
  }
}

/** The declared shape of a value in numbers; null where the file leaves one open. */
export function declaredShape(
  { declared, outputs }: OnnxGraph,
  sizes: ReadonlyMap<string, number | null>,
  name: string,
): readonly number[] | null {
  const shape = (declared.get(name) ?? outputs.find((output) => output.name === name))?.shape;
  if (shape === undefined || shape === null) return null;
  const known = shape.map((size) => (typeof size === "string" ? (sizes.get(size) ?? null) : size));
  return known.every((size) => size !== null) ? known : null;
}

/**
 * The shape of the result if the operation acts entry by entry on all its inputs; null where it cannot: several results,
 * nested graphs, inputs that are unknown or do not broadcast, another number of dimensions declared.
 */
export function assumedShape(
  { declared }: OnnxGraph,
  { outputs, captured }: OnnxNode,
  inputs: readonly (Value | null)[],
): readonly number[] | null {
  const present = inputs.filter((value) => value !== null);
  const named = outputs.filter((name) => name !== "");
  if (named.length !== 1 || captured.length > 0 || present.length === 0) return null;
  if (present.some(({ unknown, picked }) => unknown || picked !== null)) return null;
  const shapes = present.map(shapeOfValue);
  const rank = Math.max(...shapes.map(({ length }) => length));
  const rankDeclared = declared.get(named[0])?.shape?.length ?? rank;
  const assumed = Array.from({ length: rank }, (_, at) =>
    shapes.reduce((size, shape) => {
      const declared = shape.at(at - rank) ?? 1;
      return size === 1 ? declared : size;
    }, 1),
  );
  const broadcasts = shapes.every((shape) =>
    shape.every((size, at) => size === 1 || size === assumed[at + rank - shape.length]),
  );
  const single = shapes.some((shape) => equalShapes(shape, assumed));
  return broadcasts && single && rankDeclared === rank ? assumed : null;
}
