// The moving axes of a spec in short: sizes, groups, and the enclosing axis.

import type { SymmetrySpec } from "../../src/symmetry/types.ts";

/** `12` for S_12 or GL(12), `4 in 3` for an axis of 4 within one of 3; sorted. */
export const structureOf = ({ axes }: SymmetrySpec): string[] =>
  Object.values(axes)
    .filter(({ group }) => group !== "fixed")
    .map(({ size, within }) =>
      within === undefined ? `${size}` : `${size} in ${axes[within].size}`,
    )
    .sort();

/** The free axes, as `S_9 positive` or `GL_4 in S_2`, sorted. */
export function freeAxes({ axes }: SymmetrySpec): string[] {
  const named = (name: string): string => {
    const { group, size, scale } = axes[name];
    const letter = group === "general-linear" ? "GL" : "S";
    return `${letter}_${size}${scale === undefined ? "" : ` ${scale}`}`;
  };
  return Object.entries(axes)
    .filter(([, { group }]) => group !== "fixed")
    .map(([name, { within }]) => named(name) + (within === undefined ? "" : ` in ${named(within)}`))
    .toSorted();
}
