// Says that phases of sine layers are not looked at: adding pi/omega to a bias and negating the outgoing weights gives the
// same function, and no spec here has that symmetry.

import type { FoundSpec } from "./found-spec.ts";

/** One sentence where axes may belong to sine layers; undefined where there are none. */
export function phasesNote({ spec, graph, activation }: FoundSpec): string | undefined {
  const hasSigns = Object.values(spec.axes).some(({ scale }) => scale === "sign");
  if (!hasSigns || activation === "tanh" || activation === "relu") return undefined;
  if (graph !== undefined && !graph.inference.graph.nodes.some(({ op }) => op === "Sin"))
    return undefined;
  const isSine = graph !== undefined || activation === "sine";
  const sentence =
    "phases are not looked at: a copy with pi/omega added to a bias of a sine layer, its outgoing weights negated, computes the same and counts as different";
  return isSine
    ? sentence
    : `if axes with signs are sine layers (nothing says so here), ${sentence}`;
}
