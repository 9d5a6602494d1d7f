// A comparison in words: the verdict first, then the evidence, most important first.

import type { Comparison } from "../../compare/comparison.ts";
import {
  factorText,
  percent,
  short,
  similarityText,
  verdictSentence,
} from "../../compare/comparison-words.ts";
import type { Conversion } from "../../compare/conversions/conversion.ts";
import { layerDifferences } from "../../compare/layer-differences.ts";
import type { AxisSummary } from "../../parts/summary.ts";
import { visibleName } from "../../core/visible.ts";
import { formatShape } from "../../core/shapes.ts";
import { counted, textTable } from "../app/output.ts";
import { adapterBlocks } from "./adapter-text.ts";

/** Tensors a table lists, unless told otherwise, before it says how many there are more. */
const listed = 20;

export interface ComparisonTextOptions {
  /** What took the first file to the names and shapes of the second. @default none */
  readonly conversions?: readonly Conversion[];
  /** Conversions make files different. @default false */
  readonly strict?: boolean;
  /** Tensors that the table of differences lists. @default 20 */
  readonly top?: number;
}

/** What `compare` prints; `symmetries` says where the spec comes from, or the `reason` why there is none. */
export function comparisonText(
  comparison: Comparison,
  symmetries: { readonly origin: string } | { readonly reason: string },
  { conversions = [], strict = false, top = listed }: ComparisonTextOptions = {},
): string {
  const { verdict, structure, symmetry, alignment, tensors, adapters } = comparison;
  const blocks: string[] = [verdictSentence(comparison, conversions, strict)];
  if (adapters !== undefined) return [...blocks, ...adapterBlocks(adapters, top)].join("\n\n");
  blocks.push(...conversionBlocks(conversions));
  blocks.push(...structureBlocks(structure));
  if (symmetry !== undefined) {
    blocks.push(axesTable(symmetry.axes));
    if (!symmetry.exact)
      blocks.push(
        `equal up to rounding: at most ${short(symmetry.residual)} of a tensor's root mean square`,
      );
    blocks.push(...unidentifiableLines(symmetry.unidentifiable));
  }
  if (comparison.layerOrders?.some(({ reversed }) => reversed))
    blocks.push(
      "some conversions count the stages of a decoder backwards; whether these files are one network then, only the program that reads them knows",
    );
  if (verdict === "reordered") blocks.push(...reorderedBlocks(comparison));
  if (verdict === "different" && tensors.length > 0)
    blocks.push(layerTable(comparison, top), differenceTable(comparison, top));
  if (alignment !== undefined) {
    const { similarity, axes } = alignment;
    blocks.push(
      `after the best alignment found: similarity ${similarityText(similarity)} (1 is equal)` +
        (axes.length === 0 ? "; nothing moves" : ""),
      ...(axes.length === 0 ? [] : [axesTable(axes)]),
      ...unidentifiableLines(alignment.unidentifiable),
    );
  }
  if (comparison.unresolved === true)
    blocks.push(
      "note: too many indices look alike to try them all; there may be a symmetry that was not found",
    );
  if ("origin" in symmetries) blocks.push(`symmetries: ${visibleName(symmetries.origin)}`);
  else if (verdict !== "identical" && comparison.layerOrders === undefined)
    blocks.push(
      `symmetries: not known, so a copy in another order or scale counts as ${verdict}; give --model graph.onnx, --spec spec.json or --family`,
      visibleName(symmetries.reason),
    );
  return blocks.filter((block) => block !== "").join("\n\n");
}

/** What was converted, a line for each; the first ones where there are many. */
function conversionBlocks(conversions: readonly Conversion[]): string[] {
  if (conversions.length === 0) return [];
  const names = (list: readonly string[]) => list.map(visibleName).join(", ") || "-";
  const rows = conversions.map(({ kind, from, to, by, detail }) => [
    kind,
    kind === "prefix" ? `"${from.map(visibleName).join("")}"` : names(from),
    kind === "prefix" ? `"${to.map(visibleName).join("")}"` : names(to),
    [by === "names" ? "by name" : "equal numbers", ...(detail === undefined ? [] : [detail])].join(
      "; ",
    ),
  ]);
  return [layoutTable(["conversion", "first file", "second file", ""], rows)];
}

/** One line of names, the first ones where there are many. */
export const listLine = (label: string, names: readonly string[]): string[] =>
  names.length === 0
    ? []
    : [
        `${label}: ${names.slice(0, listed).map(visibleName).join(", ")}${names.length > listed ? `, ... (${names.length})` : ""}`,
      ];

function structureBlocks(structure: Comparison["structure"]): string[] {
  const { missing, extra, reshaped, formats, ignored } = structure;
  return [
    ...listLine("only in the first file", missing),
    ...listLine("only in the second file", extra),
    ...listLine(
      "of another shape",
      reshaped.map(
        ({ tensor, shapes }) => `${tensor} ${shapes.map(formatShape).join(" against ")}`,
      ),
    ),
    ...listLine(
      "in another number format",
      formats.map(({ tensor, dtypes }) => `${tensor} ${dtypes.join(" against ")}`),
    ),
    ...listLine("counters of training, left out", ignored),
  ];
}

/** What an element does, one line per axis. */
export function axesTable(axes: readonly AxisSummary[]): string {
  const rows = axes.map(({ axis, indices, moved, flipped, wound, scales, turned }) => [
    axis,
    moved === 0 ? "in place" : `${moved} of ${indices} (${percent(moved / indices)})`,
    [
      flipped === undefined || flipped === 0 ? "" : `${flipped} signs flipped`,
      wound === undefined ? "" : `${wound} phases shifted`,
      scales === undefined ? "" : `scaled by ${factorText(scales[0])} to ${factorText(scales[1])}`,
      turned === undefined ? "" : "basis changed",
    ]
      .filter((text) => text !== "")
      .join(", ") || "-",
  ]);
  if (axes.length === 0) return "";
  const plain = rows.every(([, , change]) => change === "-");
  return plain
    ? textTable(
        ["axis", "moved"],
        rows.map((row) => row.slice(0, 2)),
      )
    : textTable(["axis", "moved", "changed"], rows);
}

/** Axes that the weights do not pin down. */
export function unidentifiableLines(
  unidentifiable: readonly { readonly axis: string; readonly reason: string }[],
): string[] {
  return unidentifiable.map(
    ({ axis, reason }) => `not identifiable: axis "${visibleName(axis)}": ${reason}`,
  );
}

function reorderedBlocks({ reordered, layouts }: Comparison): string[] {
  if (reordered.length === 0) return [];
  if (layouts !== undefined && layouts.otherwise !== "reordered") {
    const rows = layouts.found.map(({ tensor, dimension, layout }) => [
      tensor,
      `${dimension}`,
      layout.name,
    ]);
    return [
      layoutTable(["tensor", "dimension", "layout"], rows),
      `with that undone, the files are ${layouts.otherwise}: convert one of them before use`,
    ];
  }
  const rows = reordered.flatMap(({ tensor, dimensions }) =>
    dimensions.map(({ dimension, size, moved, layout }) => [
      tensor,
      `${dimension}`,
      `${moved} of ${size}`,
      layout?.name ?? "not a layout known here",
    ]),
  );
  return [layoutTable(["tensor", "dimension", "moved", "layout"], rows)];
}

function layoutTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const more = rows.length > listed ? `\n... and ${rows.length - listed} more` : "";
  return textTable(head, rows.slice(0, listed)) + more;
}

/** The layers that differ most, in the order of the file; nothing where there is one. */
function layerTable(comparison: Comparison, top: number): string {
  const layers = layerDifferences(comparison);
  if (layers.length < 2) return "";
  const largest = layers.toSorted((x, y) => y.relative - x.relative).slice(0, top);
  const shown = layers.filter((one) => largest.includes(one));
  const hasAligned = shown.some(({ aligned }) => aligned !== undefined);
  const rows = shown.map(({ layer, tensors, differing, relative, aligned }) => [
    layer,
    `${differing} of ${tensors}`,
    percent(relative),
    ...(hasAligned ? [percent(aligned ?? 0)] : []),
  ]);
  const head = ["layer", "tensors", "difference / norm"];
  const more = layers.length > shown.length ? `\n... and ${layers.length - shown.length} more` : "";
  return textTable([...head, ...(hasAligned ? ["after aligning"] : [])], rows) + more;
}

function differenceTable({ tensors, alignment, reordered }: Comparison, top: number): string {
  const remaining = new Map(alignment?.remaining.map(({ tensor, relative }) => [tensor, relative]));
  const orders = new Map(
    reordered.map(({ tensor, dimensions }) => [
      tensor,
      ["the same numbers, reordered", ...dimensions.flatMap(({ layout }) => layout?.name ?? [])],
    ]),
  );
  const worst = tensors.toSorted((x, y) => y.relative - x.relative);
  const rows = worst
    .slice(0, top)
    .map(({ tensor, shape, changed, largest, relative, changedIndices, notFinite }) => {
      const bad = notFinite[0] + notFinite[1] > 0;
      return [
        tensor,
        percent(changed),
        changedIndices.map((count, dim) => `${count}/${shape[dim]}`).join(" x "),
        bad ? "-" : short(largest),
        bad ? "-" : percent(relative),
        ...(alignment === undefined ? [] : [percent(remaining.get(tensor) ?? 0)]),
        bad
          ? `NaN or infinite: ${notFinite.join(" and ")}`
          : (orders.get(tensor)?.join("; ") ?? ""),
      ];
    });
  const head = ["tensor", "entries", "indices", "largest", "difference / norm"];
  const table = textTable(
    [...head, ...(alignment === undefined ? [] : ["after aligning"]), ""],
    rows,
  );
  const more = worst.length > top ? `\n... and ${counted(worst.length - top, "tensor")} more` : "";
  return table + more;
}
