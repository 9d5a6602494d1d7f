// Two checkpoints read in the formats they have in common: where number formats differ, the finer numbers are rounded to
// the coarser format, so that a cast is not taken for a change.

import type { TensorSource } from "../formats/tensor-source.ts";
import { narrow } from "../formats/narrow.ts";
import type { SafeDtype } from "../formats/safetensors/safetensors-dtypes.ts";
import { widen } from "../formats/widen.ts";
import { float32Rounding, type Rounding } from "../parts/check-move.ts";
import type { WeightReader } from "../parts/problem.ts";

/** Bits of the significand of every float format; the fewer, the coarser. */
const significandBits: Partial<Record<SafeDtype, number>> = {
  F64: 53,
  F32: 24,
  F16: 11,
  BF16: 8,
  F8_E4M3: 4,
  F8_E5M2: 3,
};

export interface CommonReaders {
  readonly a: WeightReader;
  readonly b: WeightReader;
  /** What entries that were scaled may be off by. */
  readonly rounding: Rounding;
}

/** The coarsest float format among files; undefined where all floats have one format. */
export function coarsestFloat(sources: readonly TensorSource[]): SafeDtype | undefined {
  const all = new Set(sources.flatMap(({ entries }) => [...entries.values()].map((e) => e.dtype)));
  const floats = [...all].filter((dtype) => significandBits[dtype] !== undefined);
  if (floats.length < 2) return undefined;
  return floats.reduce((narrowest, dtype) =>
    (significandBits[dtype] ?? 24) < (significandBits[narrowest] ?? 24) ? dtype : narrowest,
  );
}

/** Readers of tensors that both files have in one shape. */
export function commonReaders(a: TensorSource, b: TensorSource): CommonReaders {
  const formats = [...a.entries, ...b.entries].map(([, { dtype }]) => significandBits[dtype] ?? 24);
  const fewest = formats.reduce((minBits, bits) => Math.min(minBits, bits), 24);
  return {
    a: readerOf(a, b),
    b: readerOf(b, a),
    rounding: { ...float32Rounding, scaled: 2 ** -fewest },
  };
}

function readerOf(source: TensorSource, other: TensorSource): WeightReader {
  return async (name) => {
    const tensor = await source.read(name);
    const coarser = coarserFormat(source.entries.get(name)?.dtype, other.entries.get(name)?.dtype);
    return coarser === undefined ? tensor : widen(narrow(tensor, coarser, name), name);
  };
}

/** The other file's format, when it is a coarser float format than the own one. */
function coarserFormat(dtype?: SafeDtype, other?: SafeDtype): SafeDtype | undefined {
  if (dtype === undefined || other === undefined) return undefined;
  const [mine, theirs] = [significandBits[dtype], significandBits[other]];
  return mine !== undefined && theirs !== undefined && theirs < mine ? other : undefined;
}
