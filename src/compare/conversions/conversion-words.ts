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

/** What each kind is, for people. */
export const conversionMeanings: Readonly<Record<ConversionKind, string>> = {
  rename:
    "the same array under another name: `gamma` and `beta`, `parametrizations.weight.original0` and `weight_g`, any other by equal numbers",
  prefix: "something before every name: `module.`, `_orig_mod.`, `base_model.model.`, or any other",
  transpose: "a matrix the other way round: `Conv1D` against `Linear`, Keras against PyTorch",
  permute: "dimensions in another order (HWIO against OIHW), or ones of size 1 more or less",
  concatenate: "several arrays as one: queries, keys and values; gate and up",
  split: "one array as several",
  regroup:
    "blocks of rows in another known order: by group (Megatron, Falcon), by head (GPT-NeoX, BLOOM), rotary rows, gates of recurrent cells; `compare` only where names or shapes differ too, `convert` always",
  tie: "an output matrix that one file leaves out and the other stores as a copy of the embedding; not where the config says that they are not tied",
  "add-rows": "a vocabulary with more rows behind the others: the rows that both have are compared",
  decompose:
    "length and direction (weight normalisation) against the weight itself, up to rounding",
  quantise:
    "whole numbers or 8-bit floats with their scales against real numbers, within half a step; tensors that PyTorch quantised and blocks of GGUF files, within a step; single numbers by which the quantised network rounds values (`scale` with `zero_point`, `input_scale`) belong to its weights",
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
