// What else a person should know of two files: sentences beside the verdict.

import type { ComparedNetworks } from "weightspace/checkpoints";
import { counted } from "../app/text.ts";

const some = (names: readonly string[]): string =>
  names.slice(0, 6).join(", ") + (names.length > 6 ? ` and ${names.length - 6} more` : "");

type Adapters = NonNullable<ComparedNetworks["comparison"]["adapters"]>;

/** What two low-rank adapters have in common. */
function adapterNotes({ layers, renamed, onlyFirst, onlySecond, beside, relative }: Adapters) {
  const name = ({ layer }: { readonly layer: string }) => layer;
  const different = layers.filter(({ verdict }) => verdict === "different");
  return [
    `Low-rank adapters, compared by what they add to each layer, scale * B A: ${counted(layers.length, "layer")} in both files`,
    ...(relative > 0
      ? [`Difference / norm of all layers together: ${relative.toPrecision(2)}`]
      : []),
    ...(different.length > 0 ? [`Different: ${some(different.map(({ layers: [a] }) => a))}`] : []),
    ...(renamed.length > 0 ? [`${counted(renamed.length, "tensor")} under other names`] : []),
    ...(onlyFirst.length > 0 ? [`Only in the first file: ${some(onlyFirst.map(name))}`] : []),
    ...(onlySecond.length > 0 ? [`Only in the second file: ${some(onlySecond.map(name))}`] : []),
    ...beside,
  ];
}

/** Sentences, most important first. */
export function notesOf({ comparison, conversions, refused, found }: ComparedNetworks): string[] {
  const { structure, unresolved, layouts, reordered, symmetry, alignment, verdict } = comparison;
  const { adapters } = comparison;
  if (adapters !== undefined) return [...adapterNotes(adapters), ...adapters.notes];
  const { missing, extra, reshaped, formats } = structure;
  const unidentifiable = (symmetry ?? alignment)?.unidentifiable ?? [];
  const layout = (layouts?.found ?? []).map(({ tensor, layout: { name } }) => `${tensor}: ${name}`);
  return [
    ...(missing.length > 0 ? [`Only in the first file: ${some(missing)}`] : []),
    ...(extra.length > 0 ? [`Only in the second file: ${some(extra)}`] : []),
    ...(reshaped.length > 0
      ? [`Of another shape: ${some(reshaped.map(({ tensor }) => tensor))}`]
      : []),
    ...(formats.length > 0
      ? [
          `In another number format: ${some(formats.map(({ tensor, dtypes }) => `${tensor} (${dtypes.join(" against ")})`))}`,
        ]
      : []),
    ...(conversions.length > 0
      ? [
          `Converted first: ${some(conversions.map(({ kind, from, to }) => `${kind} ${from.join(", ")} to ${to.join(", ")}`))}`,
        ]
      : []),
    ...refused.map((reason) => `Not converted: ${reason}`),
    ...(layout.length > 0 ? [`The layouts differ: ${some(layout)}`] : []),
    ...(comparison.layerOrders ?? []).map(
      ({ from, to, numbers }) =>
        `Layers in another order: ${some(numbers.map((pair) => pair.join(" -> ")))} (${from} as ${to})`,
    ),
    ...(verdict === "reordered" && layout.length === 0 && reordered.length > 0
      ? [
          `${counted(reordered.length, "tensor holds", "tensors hold")} the same numbers in another order: ${some(reordered.map(({ tensor }) => tensor))}`,
        ]
      : []),
    ...unidentifiable.map(({ axis, reason }) => `Not identifiable: axis ${axis}: ${reason}`),
    ...(unresolved === true
      ? ["Too many indices look alike to try them all; there may be a symmetry that was not found"]
      : []),
    ...("origin" in found
      ? [`Symmetries: ${found.origin}`, ...found.warnings]
      : verdict === "identical"
        ? []
        : [
            `The symmetries of these files are not known, so a copy in another order counts as ${verdict}; drop the .onnx graph of both beside them (${found.reason.split("\n")[0]})`,
          ]),
  ];
}
