// Tensors outside the symmetries that not all files have, for people.

import { visibleName } from "../../core/visible.ts";

const maxNamed = 5;

/** A paragraph that names a few of them, none where there are none. */
export function apartLines(apart: readonly string[], what: string): string[] {
  if (apart.length === 0) return [];
  const more = apart.length > maxNamed ? `; and ${apart.length - maxNamed} more` : "";
  return [
    `outside the symmetries, ${what}: ${apart.slice(0, maxNamed).map(visibleName).join("; ")}${more}`,
  ];
}
