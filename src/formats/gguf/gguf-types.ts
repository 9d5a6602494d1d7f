// The tensor types of GGUF (ggml): their numbers in files, and how many values a block of how many bytes holds.

import type { SafeDtype } from "../safetensors/safetensors-dtypes.ts";

export interface GgufType {
  readonly name: string;
  /** Values in a block, and its bytes. */
  readonly values: number;
  readonly bytes: number;
  /** The format in which its numbers are read; undefined for types that are only named. */
  readonly dtype?: SafeDtype;
}

/** By number: name, values in a block, bytes of a block, and the format in which it is read. */
const table: readonly (readonly [number, string, number, number, SafeDtype?])[] = [
  [0, "F32", 1, 4, "F32"],
  [1, "F16", 1, 2, "F16"],
  [2, "Q4_0", 32, 18, "F32"],
  [3, "Q4_1", 32, 20, "F32"],
  [6, "Q5_0", 32, 22, "F32"],
  [7, "Q5_1", 32, 24, "F32"],
  [8, "Q8_0", 32, 34, "F32"],
  [9, "Q8_1", 32, 40],
  [10, "Q2_K", 256, 84, "F32"],
  [11, "Q3_K", 256, 110, "F32"],
  [12, "Q4_K", 256, 144, "F32"],
  [13, "Q5_K", 256, 176, "F32"],
  [14, "Q6_K", 256, 210, "F32"],
  [15, "Q8_K", 256, 292],
  [16, "IQ2_XXS", 256, 66],
  [17, "IQ2_XS", 256, 74],
  [18, "IQ3_XXS", 256, 98],
  [19, "IQ1_S", 256, 50],
  [20, "IQ4_NL", 32, 18],
  [21, "IQ3_S", 256, 110],
  [22, "IQ2_S", 256, 82],
  [23, "IQ4_XS", 256, 136],
  [24, "I8", 1, 1, "I8"],
  [25, "I16", 1, 2, "I16"],
  [26, "I32", 1, 4, "I32"],
  [27, "I64", 1, 8, "I64"],
  [28, "F64", 1, 8, "F64"],
  [29, "IQ1_M", 256, 56],
  [30, "BF16", 1, 2, "BF16"],
  [34, "TQ1_0", 256, 54],
  [35, "TQ2_0", 256, 66],
  [39, "MXFP4", 32, 17, "F32"],
  [40, "NVFP4", 64, 36],
  [41, "Q1_0", 128, 18],
];

export const ggufTypes: ReadonlyMap<number, GgufType> = new Map(
  table.map(([number, name, values, bytes, dtype]) => [
    number,
    { name, values, bytes, ...(dtype !== undefined && { dtype }) },
  ]),
);

/** Names of the types whose numbers are read, and of those that are only named. */
export const ggufTypeNames = (): { readonly read: string[]; readonly named: string[] } => {
  const all = [...ggufTypes.values()];
  return {
    read: all.filter(({ dtype }) => dtype !== undefined).map(({ name }) => name),
    named: all.filter(({ dtype }) => dtype === undefined).map(({ name }) => name),
  };
};
