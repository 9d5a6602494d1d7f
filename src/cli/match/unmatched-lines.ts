// Tensors outside the symmetries that not all files have, for people.

import { visibleName } from "../../core/visible.ts";

const maxNamed = 5;

/** A paragraph that names a few of them, none where there are none. */
export function unmatchedLines(unmatched: readonly string[], what: string): string[] {
  if (unmatched.length === 0) return [];
  const more = unmatched.length > maxNamed ? `; and ${unmatched.length - maxNamed} more` : "";
  return [
    `outside the symmetries, ${what}: ${unmatched.slice(0, maxNamed).map(visibleName).join("; ")}${more}`,
  ];
}
