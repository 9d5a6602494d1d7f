// Shorthands for specs in the notation of the literature: one integer per dimension names its permuted axis.

import { defineSpec } from "../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";

/** `shorthand([[0, 1], [1]])`: tensors t0 with axes (n0, n1) and t1 with (n1); every axis has this size. */
export function shorthand(
  tensors: readonly (readonly number[])[],
  size: number | Readonly<Record<number, number>> = 4,
): SymmetrySpec {
  const names = [...new Set(tensors.flat())];
  const sizeOf = (name: number) => (typeof size === "number" ? size : (size[name] ?? 4));
  return defineSpec({
    axes: Object.fromEntries(
      names.map((name) => [`n${name}`, { size: sizeOf(name), group: "permutation" as const }]),
    ),
    tensors: Object.fromEntries(
      tensors.map((dims, i) => [`t${i}`, dims.map((name) => `n${name}`)]),
    ),
  });
}
