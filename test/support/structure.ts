// The moving axes of a spec in short: sizes, and the size of the enclosing axis.

import type { SymmetrySpec } from "../../src/symmetry/types.ts";

/** `12` for S_12 or GL(12), `4 in 3` for an axis of 4 within one of 3; sorted. */
export const structureOf = ({ axes }: SymmetrySpec): string[] =>
  Object.values(axes)
    .filter(({ group }) => group !== "fixed")
    .map(({ size, within }) =>
      within === undefined ? `${size}` : `${size} in ${axes[within].size}`,
    )
    .sort();
