// Pieces that presets share: axis shorthands and the group of a network's input and output axes.

import type { Axis, AxisScale } from "../types.ts";

/** Input and output axes are `fixed` in a network's true symmetry; NP-style functionals treat them as permuted. */
export type EndGroup = "fixed" | "permutation";

export const permutedAxis = (size: number, scale?: AxisScale): Axis => ({
  size,
  group: "permutation",
  ...(scale && { scale }),
});

export const endAxis = (size: number, group: EndGroup): Axis => ({ size, group });
