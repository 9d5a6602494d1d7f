// By which known layouts two reordered checkpoints differ, and whether anything is left once those are undone. Layouts show
// directly when nothing else moved; beside a symmetry, rotary layouts are tried where the spec has room for them.

import { frozenRecord } from "../core/records.ts";
import type { Tensor } from "../core/tensors.ts";
import { actOnTensor } from "../symmetry/act.ts";
import type { AxisExpression } from "../symmetry/expression.ts";
import type { Axis, SymmetrySpec } from "../symmetry/types.ts";
import type { CommonReaders } from "./common-format.ts";
import { searchSymmetry } from "./find-symmetry.ts";
import { type KnownLayout, rotaryMaps } from "./layouts.ts";
import type { WeightReader } from "../parts/problem.ts";
import type { TensorReordering } from "./reordered-tensors.ts";
import { reorder } from "./reordering.ts";
import { tensorDifference } from "../parts/tensor-difference.ts";

/** Tensors that two programs store in another order of rows. */
export interface LayoutDifference {
  /** Where the second file has another layout; empty when no known one explains the difference. */
  readonly found: readonly {
    readonly tensor: string;
    readonly dimension: number;
    readonly layout: KnownLayout;
  }[];
  /** How the files compare with these layouts undone. */
  readonly otherwise: "identical" | "symmetric" | "reordered";
}

export async function findLayouts(
  spec: SymmetrySpec,
  readers: CommonReaders,
  reordered: readonly TensorReordering[],
): Promise<LayoutDifference> {
  const { found, otherwise } = await undoLayouts(spec, readers, reordered);
  return { found, otherwise };
}

/** The same with what undoes the layouts in a reader of the second file; without a spec only equal numbers count. */
export async function undoLayouts(
  spec: SymmetrySpec | undefined,
  readers: CommonReaders,
  reordered: readonly TensorReordering[],
): Promise<LayoutDifference & { readonly undo: (b: WeightReader) => WeightReader }> {
  const { b } = readers;
  const found = reordered.flatMap(({ tensor, dimensions }) =>
    dimensions.flatMap(({ dimension, layout }) =>
      layout === undefined ? [] : [{ tensor, dimension, layout }],
    ),
  );
  const judge = (undone: WeightReader) => compareUndone(spec, { ...readers, b: undone }, reordered);
  const undo = (of: WeightReader) => undoFound(of, reordered);
  if (found.length > 0) {
    const otherwise = await judge(undo(b));
    if (otherwise !== "reordered") return { found, otherwise, undo };
  }
  for (const candidate of spec === undefined ? [] : rotaryCandidates(spec, reordered)) {
    const otherwise = await judge(candidate.undo(b));
    if (otherwise !== "reordered") return { ...candidate, otherwise };
  }
  return { found, otherwise: "reordered", undo };
}

async function compareUndone(
  spec: SymmetrySpec | undefined,
  { a, b, rounding }: CommonReaders,
  reordered: readonly TensorReordering[],
): Promise<LayoutDifference["otherwise"]> {
  let equal = true;
  for (const { tensor } of reordered) {
    if (equal && tensorDifference(tensor, await a(tensor), await b(tensor)) !== undefined)
      equal = false;
  }
  if (equal) return "identical";
  if (spec === undefined) return "reordered";
  const { found } = await searchSymmetry(spec, a, b, rounding);
  return found === undefined ? "reordered" : "symmetric";
}

/** The second file with the dimensions of known layout brought to the first file's order. */
function undoFound(b: WeightReader, reordered: readonly TensorReordering[]): WeightReader {
  return async (name) => {
    const tensor = await b(name);
    const entry = reordered.find((other) => other.tensor === name);
    if (entry === undefined) return tensor;
    const isKnown = (dimension: number) =>
      entry.dimensions.some((d) => d.dimension === dimension && d.layout !== undefined);
    const permutations = entry.permutations.map((permutation, dimension) =>
      isKnown(dimension) ? permutation : permutation.map((_, i) => i),
    );
    return reorder(tensor, permutations);
  };
}

interface RotaryCandidate {
  readonly found: LayoutDifference["found"];
  readonly undo: (b: WeightReader) => WeightReader;
}

/** The name of the axis that stands for positions within a rotary head. */
const rotaryAxis = "rotary positions";

/** Both rotary layouts, for every head size that the reordered tensors have as a fixed block. */
function rotaryCandidates(
  spec: SymmetrySpec,
  reordered: readonly TensorReordering[],
): RotaryCandidate[] {
  const names = new Set(reordered.map(({ tensor }) => tensor));
  const blocks = Object.entries(spec.tensors).flatMap(([tensor, { axes }]) =>
    names.has(tensor)
      ? axes.flatMap((expression, dimension) =>
          fixedBlocks(expression).map((size) => ({ tensor, dimension, size })),
        )
      : [],
  );
  const sizes = [...new Set(blocks.map(({ size }) => size))].filter((n) => n >= 4 && n % 2 === 0);
  return sizes.flatMap((size) => {
    const wider = withRotaryAxis(spec, size);
    return rotaryMaps(size).map(({ layout, permutation }): RotaryCandidate => {
      const element = { [rotaryAxis]: { permutations: [permutation] } };
      const undo =
        (b: WeightReader): WeightReader =>
        async (name): Promise<Tensor> => {
          const tensor = await b(name);
          return names.has(name) ? actOnTensor(wider, element, name, tensor) : tensor;
        };
      const found = blocks
        .filter((block) => block.size === size)
        .map(({ tensor, dimension }) => ({ tensor, dimension, layout }));
      return { found, undo };
    });
  });
}

/** Sizes of the fixed blocks that end a product: positions within heads, pixels within channels. */
function fixedBlocks(expression: AxisExpression): number[] {
  if (expression.kind === "sum") return expression.terms.flatMap(fixedBlocks);
  if (expression.kind !== "product") return [];
  const last = expression.factors.at(-1);
  return last?.kind === "block" ? [last.size] : [];
}

/** The spec with those blocks as an axis. */
function withRotaryAxis(spec: SymmetrySpec, size: number): SymmetrySpec {
  const replace = (expression: AxisExpression): AxisExpression => {
    if (expression.kind === "sum") return { kind: "sum", terms: expression.terms.map(replace) };
    if (expression.kind !== "product") return expression;
    const last = expression.factors.at(-1);
    if (last?.kind !== "block" || last.size !== size) return expression;
    const axis: AxisExpression = { kind: "axis", name: rotaryAxis, inverse: false };
    return { kind: "product", factors: [...expression.factors.slice(0, -1), axis] };
  };
  const axis: Axis = { size, group: "permutation" };
  const tensors = frozenRecord(
    Object.entries(spec.tensors).map(
      ([name, tensor]) => [name, { ...tensor, axes: tensor.axes.map(replace) }] as const,
    ),
  );
  return { axes: { ...spec.axes, [rotaryAxis]: axis }, tensors, warnings: [] };
}
