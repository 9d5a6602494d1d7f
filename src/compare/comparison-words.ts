// The verdict of a comparison in one sentence, and its numbers as people read them.

import type { AdapterComparison } from "../adapters/compare-adapters.ts";
import { visibleName } from "../core/visible.ts";
import { countedConversions } from "./conversions/conversion-words.ts";
import type { Comparison, Verdict } from "./comparison.ts";
import type { Conversion, LayerOrder } from "./conversions/conversion.ts";
import type { AxisSummary } from "../parts/summary.ts";

/** Relative differences below this are a few units in the last place of float32. */
const rounding = 1e-6;

const headlines: Readonly<Record<Verdict, string>> = {
  identical: "identical: every number is equal",
  symmetric: "symmetric: the same network, its units in another order or scale",
  reordered: "reordered: equal numbers in another order",
  different: "different",
};

/** Three digits. */
export const short = (value: number) =>
  Number.isFinite(value) ? Number(value.toPrecision(3)).toString() : String(value);
/** A share as a percentage; one that is not 0 never looks like 0. */
export const percent = (share: number) => {
  if (!(share < 1e4)) return Number.isFinite(share) ? `${(100 * share).toExponential(1)}%` : "-";
  return share === 0 || share >= 0.001 ? `${(100 * share).toFixed(1)}%` : "<0.1%";
};
/** A factor near 1 with the digits that tell it from 1. */
export const factorText = (value: number) =>
  Math.abs(value - 1) < 0.01 ? Number(value.toPrecision(6)).toString() : short(value);
/** A similarity that never looks like 1 when it is less. */
export const similarityText = (value: number) =>
  value < 1 && value > 0.999 ? `1 - ${(1 - value).toExponential(1)}` : short(value);

/** Layers that a sentence lists. */
const listedLayers = 8;

/** `layers in another order: 0 -> 2, 1 -> 0, ...`, the names that they have in both files behind it. */
export function layerOrderText({ from, to, numbers, reversed }: LayerOrder): string {
  const shown = numbers.slice(0, listedLayers).map((pair) => pair.join(" -> "));
  const more = numbers.length > listedLayers ? ", ..." : "";
  const order = reversed ? "in reverse order" : "in another order";
  return visibleName(`layers ${order}: ${shown.join(", ")}${more} (${from} as ${to})`);
}

/** The verdict of two adapters in one sentence. */
function adaptersHeadline({
  verdict,
  layers,
  onlyFirst,
  onlySecond,
  rounded,
  beside,
}: AdapterComparison) {
  if (verdict === "identical")
    return rounded
      ? "identical after rounding: the files differ in number format, and in nothing else"
      : headlines.identical;
  if (verdict === "symmetric") return "symmetric: both adapters add the same to every layer";
  const isDifferent = layers.filter((layer) => layer.verdict === "different").length;
  const alone = [...onlyFirst, ...onlySecond].filter(({ norm }) => norm > 0).length;
  if (isDifferent + alone === 0 && beside.length > 0)
    return "different: equal in what they add, but not in what stands beside it";
  if (layers.length === 0) return "different: the adapters change no layer in common";
  return `different: ${isDifferent} of ${layers.length} layers get something else added`;
}

/** The verdict of two files in one sentence, without what was converted before. */
function headline(comparison: Comparison): string {
  const { verdict, structure, rounded, layouts, tensors, adapters, layerOrders } = comparison;
  if (adapters !== undefined) return adaptersHeadline(adapters);
  const { formats } = structure;
  if (verdict === "identical" && formats.length > 0)
    return rounded
      ? "identical after rounding: the files differ in number format, and in nothing else"
      : `${headlines.identical}, in other number formats`;
  if (verdict === "different" && tensors.length === 0)
    return structure.common.length === 0
      ? "different: no tensor is in both files by name and shape"
      : "different: the tensors in both files are equal, but not all tensors are in both";
  const maxRelative = tensors.reduce((largest, { relative }) => Math.max(largest, relative), 0);
  if (verdict === "different" && maxRelative < rounding)
    return `different by rounding only: at most ${short(maxRelative)} of a tensor's norm`;
  if (verdict !== "reordered") return headlines[verdict];
  if (layerOrders !== undefined)
    return `reordered: equal numbers, but ${layerOrders.map(layerOrderText).join("; ")}`;
  return layouts === undefined
    ? `${headlines.reordered}; without a spec nobody can say whether the network is the same`
    : `${headlines.reordered}, and that is NOT a symmetry of this graph: it computes something else`;
}

/** The verdict in one sentence, with the conversions counted; under `strict` any of them makes files different. */
export function verdictSentence(
  comparison: Comparison,
  conversions: readonly Conversion[] = [],
  strict = false,
): string {
  const line = headline(comparison);
  if (conversions.length === 0) return line;
  const text = countedConversions(conversions);
  if (strict) return `different: equal names, shapes and layouts would need ${text} (--strict)`;
  // What lies within a step of a quantised form cannot be told from it.
  const isWithin = conversions.some(({ kind, by }) => kind === "quantise" && by === "numbers");
  const verdictLine = isWithin
    ? line.replace(/every number is equal/, "$& or within its step")
    : line;
  return verdictLine.replace(/^\w+/, (verdict) => `${verdict} after ${text}`);
}

/** What an element does, in one line: `10 of 11 units of f.0 in another order, f.2 scaled by 0.5 to 2`; "" for nothing. */
export function movesSentence(axes: readonly AxisSummary[]): string {
  const parts = axes.flatMap(({ axis, indices, moved, flipped = 0, wound = 0, scales, turned }) => [
    ...(moved > 0 ? [`${moved} of ${indices} units of ${axis} in another order`] : []),
    ...(flipped > 0 ? [`${flipped} signs of ${axis} flipped`] : []),
    ...(wound > 0 ? [`${wound} phases of ${axis} shifted`] : []),
    ...(scales === undefined
      ? []
      : [`${axis} scaled by ${factorText(scales[0])} to ${factorText(scales[1])}`]),
    ...(turned === undefined ? [] : [`another basis of ${axis}`]),
  ]);
  return visibleName(parts.join(", "));
}
