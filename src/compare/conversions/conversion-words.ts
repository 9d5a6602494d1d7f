// Conversions in words: how many of each kind.

import type { Conversion, ConversionKind } from "./conversion.ts";

const words: Readonly<Record<ConversionKind, readonly [one: string, many: string]>> = {
  rename: ["renaming", "renamings"],
  prefix: ["change of prefix", "changes of prefix"],
  transpose: ["transposition", "transpositions"],
  permute: ["reordering of dimensions", "reorderings of dimensions"],
  concatenate: ["concatenation", "concatenations"],
  split: ["split", "splits"],
  regroup: ["regrouping of rows", "regroupings of rows"],
  tie: ["tied copy", "tied copies"],
  "add-rows": ["table with other rows", "tables with other rows"],
  decompose: ["decomposed weight", "decomposed weights"],
  quantise: ["quantised weight", "quantised weights"],
};

/** All kinds of conversions, in the order in which they are counted. */
export const conversionKinds = Object.keys(words) as readonly ConversionKind[];

/** `3 renamings and 4 transpositions`; "" for none. */
export function countedConversions(conversions: readonly Conversion[]): string {
  const parts = conversionKinds.flatMap((kind) => {
    const count = conversions.filter((one) => one.kind === kind).length;
    return count === 0 ? [] : [`${count} ${words[kind][count === 1 ? 0 : 1]}`];
  });
  if (parts.length < 2) return parts.join("");
  return `${parts.slice(0, -1).join(", ")} and ${parts[parts.length - 1]}`;
}
