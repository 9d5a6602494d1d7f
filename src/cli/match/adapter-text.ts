// The evidence of a comparison of two low-rank adapters in words: what layers have in common, and those that differ.

import type { AdapterComparison, LayerComparison } from "../../adapters/compare-adapters.ts";
import type { LayerVerdict } from "../../adapters/product-difference.ts";
import { percent, short } from "../../compare/comparison-words.ts";
import { visibleName } from "../../core/visible.ts";
import { formatShape } from "../../core/shapes.ts";
import { counted, textTable } from "../app/output.ts";

const words: Readonly<Record<LayerVerdict, string>> = {
  equal: "equal number by number",
  product: "equal in scale * B A, by other factors",
  zero: "add nothing in both files",
  different: "different",
};

/** Blocks of text below the verdict; tables list `top` layers. */
export function adapterBlocks(comparison: AdapterComparison, top: number): string[] {
  const { layers, onlyFirst, onlySecond, beside, notes } = comparison;
  const kinds = (Object.keys(words) as LayerVerdict[]).flatMap((verdict) => {
    const count = layers.filter((layer) => layer.verdict === verdict).length;
    return count === 0 ? [] : [`${count} ${words[verdict]}`];
  });
  return [
    ...namesLines(comparison),
    `${counted(layers.length, "layer")} in both files${kinds.length === 0 ? "" : `: ${kinds.join(", ")}`}`,
    ...ranksLine(layers),
    ...differenceLines(comparison),
    ...layerTable(layers, top),
    ...aloneLines("only in the first file", onlyFirst, top),
    ...aloneLines("only in the second file", onlySecond, top),
    ...(beside.length === 0 ? [] : [beside.slice(0, top).map(visibleName).join("\n")]),
    ...notes.map((note) => `note: ${visibleName(note)}`),
  ];
}

/** That tensors have other names, and which were found by their numbers. */
function namesLines({ renamed, styles: [first, second], layers }: AdapterComparison): string[] {
  if (renamed.length === 0) return [];
  const byNumbers = layers.filter(({ by }) => by === "numbers");
  const shown = byNumbers
    .slice(0, 3)
    .map(({ layers: [a, b] }) => `${visibleName(a)} is ${visibleName(b)}`);
  return [
    `${counted(renamed.length, "tensor")} under other names (${first.join(", ")} in the first file, ${second.join(", ")} in the second)`,
    ...(byNumbers.length === 0
      ? []
      : [
          `${counted(byNumbers.length, "layer")} found by equal products, not by name: ${shown.join(", ")}${byNumbers.length > 3 ? ", ..." : ""}`,
        ]),
  ];
}

/** A small number with its power of ten. */
const small = (value: number): string => (value === 0 ? "0" : value.toExponential(1));

/** Where ranks differ, how often. */
function ranksLine(layers: readonly LayerComparison[]): string[] {
  const counts = new Map<string, number>();
  for (const { ranks } of layers) {
    if (ranks[0] === ranks[1]) continue;
    const text = `${ranks[0]} and ${ranks[1]}`;
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  if (counts.size === 0) return [];
  const shown = [...counts]
    .slice(0, 5)
    .map(([text, count]) => `${text} (${counted(count, "layer")})`);
  return [`other ranks: ${shown.join(", ")}${counts.size > 5 ? ", ..." : ""}`];
}

function differenceLines({ verdict, relative, largest, layers }: AdapterComparison): string[] {
  if (layers.length === 0 || largest === 0) return [];
  const tolerance = Math.max(...layers.map((layer) => layer.tolerance));
  if (verdict === "different")
    return [
      `all layers together: difference / norm ${percent(relative)} (unrelated adapters: about 141%)`,
    ];
  return [
    `equal up to rounding: at most ${small(largest)} of a layer's norm, ${small(relative)} of all together; the formats of the files explain up to ${small(tolerance)}`,
  ];
}

function layerTable(layers: readonly LayerComparison[], top: number): string[] {
  const worst = layers
    .filter(({ verdict }) => verdict === "different")
    .toSorted((x, y) => y.relative - x.relative);
  if (worst.length === 0) return [];
  const rows = worst
    .slice(0, top)
    .map(({ layers: [name], shape, ranks, norms, relative, tolerance, beside }) => [
      name,
      formatShape(shape),
      ranks[0] === ranks[1] ? ranks[0] : ranks.join(" and "),
      norms.map(short).join(" and "),
      percent(relative),
      beside ?? (relative <= tolerance ? "changed numbers within rounding" : ""),
    ]);
  const hasMore =
    worst.length > top ? `\n... and ${counted(worst.length - top, "layer")} more` : "";
  return [textTable(["layer", "shape", "rank", "norms", "difference / norm", ""], rows) + hasMore];
}

/** Layers of one file alone; those that add nothing are said to. */
function aloneLines(label: string, layers: AdapterComparison["onlyFirst"], top: number): string[] {
  if (layers.length === 0) return [];
  const shown = layers
    .slice(0, top)
    .map(({ layer, norm }) => `${visibleName(layer)}${norm === 0 ? " (adds nothing)" : ""}`);
  return [`${label}: ${shown.join(", ")}${layers.length > top ? `, ... (${layers.length})` : ""}`];
}
