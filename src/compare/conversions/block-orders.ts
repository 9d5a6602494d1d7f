// Blocks in another known order under the same names and shapes: gates, rotary rows, parts by head. `compare` names such
// files `reordered`, as a program that loads one for the other computes something else; `convert` brings the first file's
// blocks to the order of the second, where equal numbers show what that is.

import { SpecError } from "../../core/errors.ts";
import { isFloatDtype } from "../../formats/safetensors/safetensors-dtypes.ts";
import type { WeightReader } from "../../parts/problem.ts";
import { type TensorDifference, tensorDifference } from "../../parts/tensor-difference.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { type CommonReaders, commonReaders } from "../common-format.ts";
import { isCounter } from "../compare-structure.ts";
import { undoLayouts } from "../find-layouts.ts";
import { searchSymmetry } from "../find-symmetry.ts";
import { knownLayout } from "../layouts.ts";
import { describeReorderings, type TensorReordering } from "../reordered-tensors.ts";
import type { Conversion } from "./conversion.ts";
import { commonSource, convertedSource } from "./converted-source.ts";
import type { PlannedConversion } from "./plan-conversion.ts";

/** What brings a converted file to the order of the second one's blocks. */
export interface BlockOrders {
  /** Reads the tensors of a reader of the converted file in the second file's order. */
  readonly inOrder: (read: WeightReader) => WeightReader;
  /** Tensors, by the second file's names, that have another order then. */
  readonly moved: ReadonlySet<string>;
  /** One for each of them. */
  readonly conversions: readonly Conversion[];
  /** Tensors whose numbers are others than the second file's: nothing shows in which order their blocks are. */
  readonly untold: readonly string[];
}

/** How {@link findBlockOrders} looks. */
export interface BlockOrderOptions {
  /** The symmetries of the second file, asked for where numbers alone do not settle the order. */
  readonly specOf?: () => Promise<SymmetrySpec | undefined>;
  readonly signal?: AbortSignal;
}

/**
 * The orders of blocks in which the files of a plan differ.
 * @throws {SpecError} naming known orders that do not explain all of the difference; the signal's reason after an abort
 */
export async function findBlockOrders(
  plan: PlannedConversion,
  { specOf = async () => undefined, signal }: BlockOrderOptions = {},
): Promise<BlockOrders> {
  // The second file is what the first one's blocks are brought to.
  const readers = commonReaders(commonSource(plan), convertedSource(plan));
  const differing = await differingIn(plan, readers, signal);
  const reordered = await describeReorderings(readers, differing, signal);
  const found = new Set(reordered.map(({ tensor }) => tensor));
  const untold = differing.flatMap(({ tensor }) => (found.has(tensor) ? [] : tensor));
  const known = reordered.filter(({ dimensions }) => dimensions.some(({ layout }) => layout));
  const none = { inOrder: (read: WeightReader) => read, moved: new Set<string>(), untold };
  if (reordered.length === 0) return { ...none, conversions: [] };
  if (untold.length === 0) {
    const direct = await undoLayouts(undefined, readers, reordered);
    if (direct.otherwise === "identical") return ordersOf(plan, direct, reordered);
    const spec = fitting(plan, await specOf());
    if (spec !== undefined) {
      const symmetry = await searchSymmetry(spec, readers.a, readers.b, readers.rounding);
      if (symmetry.found !== undefined) return { ...none, conversions: [] };
      const layouts = await undoLayouts(spec, readers, reordered);
      if (layouts.otherwise !== "reordered") return ordersOf(plan, layouts, reordered);
    }
  }
  if (known.length > 0) throw unexplained(known, untold);
  return { ...none, conversions: [] };
}

/** Tensors that both files have whole and whose numbers differ. */
async function differingIn(
  { a, b, recipes, commonRows, withinForm }: PlannedConversion,
  readers: CommonReaders,
  signal?: AbortSignal,
): Promise<TensorDifference[]> {
  const differing: TensorDifference[] = [];
  for (const [name, { pieces }] of recipes) {
    signal?.throwIfAborted();
    const isUnread =
      !isFloatDtype(b.entries.get(name)?.dtype ?? "") ||
      b.entries.get(name)?.unreadable !== undefined ||
      pieces.some(({ tensor }) => a.entries.get(tensor)?.unreadable !== undefined);
    if (isUnread || commonRows.has(name) || withinForm.has(name) || isCounter(name)) continue;
    const difference = tensorDifference(name, await readers.a(name), await readers.b(name));
    if (difference !== undefined) differing.push(difference);
  }
  return differing;
}

const fitting = (
  { recipes, commonRows }: PlannedConversion,
  spec: SymmetrySpec | undefined,
): SymmetrySpec | undefined =>
  spec !== undefined &&
  commonRows.size === 0 &&
  Object.keys(spec.tensors).every((name) => recipes.has(name))
    ? spec
    : undefined;

function ordersOf(
  { recipes }: PlannedConversion,
  { found, undo }: Awaited<ReturnType<typeof undoLayouts>>,
  reordered: readonly TensorReordering[],
): BlockOrders {
  const byTensor = new Map<string, string[]>();
  for (const { tensor, dimension, layout } of found) {
    const names = byTensor.get(tensor) ?? [];
    if (names.length === 0) byTensor.set(tensor, names);
    names.push(nameForFirst(reordered, tensor, dimension) ?? turned(layout.name));
  }
  const conversions = [...byTensor].map(([tensor, names]): Conversion => ({
    kind: "regroup",
    from: [...new Set(recipes.get(tensor)?.pieces.map((piece) => piece.tensor))],
    to: [tensor],
    by: "numbers",
    detail: [...new Set(names)].join("; "),
  }));
  return { inOrder: undo, moved: new Set(byTensor.keys()), conversions, untold: [] };
}

/** The layout of a dimension, said of the file that is converted first. */
function nameForFirst(
  reordered: readonly TensorReordering[],
  tensor: string,
  dimension: number,
): string | undefined {
  const found = reordered.find((one) => one.tensor === tensor)?.permutations[dimension];
  if (found === undefined) return undefined;
  const back = found.map(() => 0);
  for (const [from, to] of found.entries()) back[to] = from;
  return knownLayout(back)?.name;
}

const turned = (text: string): string =>
  text.replaceAll(/\b(first|second)\b/g, (word) => (word === "first" ? "second" : "first"));

function unexplained(known: readonly TensorReordering[], untold: readonly string[]): SpecError {
  const rest =
    untold.length === 0
      ? "and something else is in another order, which is no known layout"
      : `and the numbers of other tensors (${untold.slice(0, 3).join(", ")}${untold.length > 3 ? " and more" : ""}) do not show theirs`;
  return new SpecError(
    `convert: the second file has blocks in another order, ${rest}; give a second file of the same numbers, or one in the layout of the first`,
    known.map(({ tensor, dimensions }) => ({
      severity: "error",
      tensor,
      message: `"${tensor}": ${dimensions.flatMap(({ dimension }) => nameForFirst(known, tensor, dimension) ?? []).join("; ")}`,
    })),
  );
}
