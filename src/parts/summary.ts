// What a group element does, axis by axis, in numbers a person can read.

import type { GroupElement } from "../symmetry/element.ts";
import { isFactor, type SymmetrySpec } from "../symmetry/types.ts";

/** How much of one axis a group element moves. */
export interface AxisSummary {
  readonly axis: string;
  /** Indices over all instances, and how many of them go elsewhere. */
  readonly indices: number;
  readonly moved: number;
  /** Indices whose sign flips, on axes with sign flips or phases and on factors. */
  readonly flipped?: number;
  /** Indices with biases shifted by pi/omega, once or more, on axes with phases. */
  readonly wound?: number;
  /** Smallest and largest factor without its sign, on axes with positive scales and on factors that change. */
  readonly scales?: readonly [number, number];
  /** Largest entry by which a matrix differs from the identity, on general-linear axes that change. */
  readonly turned?: number;
}

/** Factors and matrix entries this near to 1 and 0 are rounding, not change. */
const rounding = 1e-4;

/** One entry per axis that the element changes. */
export function summarizeElement(
  spec: Pick<SymmetrySpec, "axes">,
  element: GroupElement,
): AxisSummary[] {
  return Object.entries(element).flatMap(([axis, { permutations, scales, windings, matrices }]) => {
    const { scale, size } = spec.axes[axis];
    const isOneFactor = isFactor(spec.axes[axis]);
    const indices = permutations.length * size;
    const moved = permutations.reduce(
      (sum, p) => sum + p.filter((to, from) => to !== from).length,
      0,
    );
    const factors = (isOneFactor ? matrices : scales)?.flat() ?? [];
    const flipped = factors.filter((s) => s < 0).length;
    const wound = windings?.flat().filter((k) => k !== 0).length ?? 0;
    const range: [number, number] = [Infinity, 0];
    for (const s of factors) {
      range[0] = Math.min(range[0], Math.abs(s));
      range[1] = Math.max(range[1], Math.abs(s));
    }
    const scaled =
      (scale === "positive" || isOneFactor) && (range[0] < 1 - rounding || range[1] > 1 + rounding);
    let turned = 0;
    for (const matrix of isOneFactor ? [] : (matrices ?? []))
      for (const [at, entry] of matrix.entries())
        turned = Math.max(turned, Math.abs(entry - (at % (size + 1) === 0 ? 1 : 0)));
    if (moved === 0 && flipped === 0 && wound === 0 && !scaled && turned <= rounding) return [];
    return [
      {
        axis,
        indices,
        moved,
        ...((scale === "sign" || scale === "phase" || (isOneFactor && flipped > 0)) && { flipped }),
        ...(wound > 0 && { wound }),
        ...(scaled && { scales: range }),
        ...(turned > rounding && { turned }),
      },
    ];
  });
}
