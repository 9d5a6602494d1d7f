// Tensors outside the symmetries that not all files have, for people.

import { visibleName } from "../../core/visible.ts";

const mostNamed = 5;

/** A paragraph that names a few of them, none where there are none. */
export function apartLines(apart: readonly string[], what: string): string[] {
  if (apart.length === 0) return [];
  const more = apart.length > mostNamed ? `; and ${apart.length - mostNamed} more` : "";
  return [
    `outside the symmetries, ${what}: ${apart.slice(0, mostNamed).map(visibleName).join("; ")}${more}`,
  ];
}
