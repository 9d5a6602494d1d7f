// Tensors that one checkpoint has and the other lacks, and those of other shapes or number formats.

import { equalShapes } from "../core/shapes.ts";
import type { TensorSource } from "../formats/tensor-source.ts";

/** Tensors that two files do not share, or have in other shapes. */
export interface StructureDifference {
  /** In the first file only. */
  readonly missing: readonly string[];
  /** In the second file only. */
  readonly extra: readonly string[];
  readonly reshaped: readonly {
    readonly tensor: string;
    readonly shapes: readonly [readonly number[], readonly number[]];
  }[];
  /** Same shape, other number format. */
  readonly formats: readonly {
    readonly tensor: string;
    readonly dtypes: readonly [string, string];
  }[];
  /** Counters that training keeps and the network does not use; they have no say in the verdict. */
  readonly ignored: readonly string[];
  /** In both files, of one shape; in the first file's order. */
  readonly common: readonly string[];
}

/** Whether a tensor is a counter of training (of batch normalisation) that no output depends on. */
export const isCounter = (name: string): boolean => /(^|\.)num_batches_tracked$/.test(name);

export function compareStructure(a: TensorSource, b: TensorSource): StructureDifference {
  const missing: string[] = [];
  const common: string[] = [];
  const reshaped: StructureDifference["reshaped"][number][] = [];
  const formats: StructureDifference["formats"][number][] = [];
  const ignored = new Set([...a.entries.keys(), ...b.entries.keys()].filter(isCounter));
  for (const [tensor, left] of a.entries) {
    if (ignored.has(tensor)) continue;
    const right = b.entries.get(tensor);
    if (right === undefined) missing.push(tensor);
    else if (!equalShapes(left.shape, right.shape))
      reshaped.push({ tensor, shapes: [left.shape, right.shape] });
    else {
      common.push(tensor);
      if (left.dtype !== right.dtype) formats.push({ tensor, dtypes: [left.dtype, right.dtype] });
    }
  }
  const extra = [...b.entries.keys()].filter(
    (tensor) => !a.entries.has(tensor) && !ignored.has(tensor),
  );
  return { missing, extra, reshaped, formats, ignored: [...ignored], common };
}
