// Shorthands for specs in the notation of the literature: one integer per dimension names its permuted axis.

import { defineSpec } from "../../src/symmetry/spec.ts";
import type { Axis, AxisScale, SymmetrySpec } from "../../src/symmetry/types.ts";

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

/** A residual network with ReLU: a stem, blocks of two layers and a classifier, which the file lists first. */
export function residualSpec(blocks: number, scale: AxisScale = "positive"): SymmetrySpec {
  const each = Array.from({ length: blocks }, (_, i) => i);
  const mids = each.map((i): [string, Axis] => [
    `mid${i}`,
    { size: 3, group: "permutation", scale },
  ]);
  const tensors = each.flatMap((i): [string, string[]][] => [
    [`blocks.${i}.a.weight`, [`mid${i}`, "res^-1"]],
    [`blocks.${i}.a.bias`, [`mid${i}`]],
    [`blocks.${i}.b.weight`, ["res", `mid${i}^-1`]],
    [`blocks.${i}.b.bias`, ["res"]],
  ]);
  return defineSpec({
    axes: {
      in: { size: 3, group: "fixed" },
      out: { size: 2, group: "fixed" },
      res: { size: 4, group: "permutation", scale },
      ...Object.fromEntries(mids),
    },
    tensors: {
      "fc.weight": ["out", "res^-1"],
      "fc.bias": ["out"],
      "stem.weight": ["res", "in"],
      "stem.bias": ["res"],
      ...Object.fromEntries(tensors),
    },
  });
}
