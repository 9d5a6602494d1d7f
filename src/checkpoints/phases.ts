// Says where phases of sine layers are not looked at: adding pi/omega to a bias and negating the outgoing weights gives the same
// function, and only a graph tells omega.

import { hasPhases } from "../symmetry/phases.ts";
import type { FoundSpec } from "./found-spec.ts";

/** One sentence where axes with signs may belong to sine layers; undefined where there are none. */
export function phasesNote({ spec, graph, activation }: FoundSpec): string | undefined {
  const hasSigns = Object.values(spec.axes).some(({ scale }) => scale === "sign");
  if (!hasSigns || activation === "tanh" || activation === "relu") return undefined;
  // A graph says which axes have phases; a spec that has some says so of all.
  if (graph !== undefined || hasPhases(spec)) return undefined;
  const isSine = activation === "sine";
  const sentence =
    "phases are not looked at: a copy with pi/omega added to a bias of a sine layer, its outgoing weights negated, computes the same and counts as different; give --model graph.onnx, which tells omega, or --omega with --activation sine";
  return isSine
    ? sentence
    : `if axes with signs are sine layers (nothing says so here), ${sentence}`;
}
