// Normalizes scales and bases before anything discrete is matched: positive scales so that what enters a unit
// has norm 1, general-linear bases so that both sides are balanced (equal diagonal Gram matrices). Signs and rotations
// among equal singular values stay open; matching settles them.

import { type GroupElement, identityElement } from "../../symmetry/element.ts";
import { balanceBases, basisOrder } from "./balance-bases.ts";
import type { MatchProblem, PartReader } from "../problem.ts";
import { normsOf, scaleByOutputs, scaleOrder, setScales } from "./unit-norms.ts";

/** What brings a network to normalized scales and bases, one choice among all that give the same function. */
export interface NormalizedScales {
  /** Scales and matrices only: nothing is reordered. */
  readonly element: GroupElement;
  /** Axes with a continuous group that the weights do not pin down, with the reason. */
  readonly unidentifiable: readonly { readonly axis: string; readonly reason: string }[];
}

/** Normalizes scales and bases of one network; reads every part with such an axis a few times. */
export async function normalizeScales(
  problem: MatchProblem,
  read: PartReader,
): Promise<NormalizedScales> {
  const element: Record<string, GroupElement[string]> = { ...identityElement(problem) };
  const unidentifiable: NormalizedScales["unidentifiable"][number][] = [];
  const batches = scaleOrder(problem);
  for (const batch of batches) {
    const fixed: [string, number[]][] = [];
    for (const { axis, uses } of batch)
      fixed.push([axis, await normsOf(problem, read, element, axis, uses)]);
    for (const [at, [axis, norms]] of fixed.entries()) {
      const { dim, part } = batch[at].uses[0];
      setScales(problem, element, axis, norms, problem.parts[part].dims[dim].inverse);
    }
  }
  for (const { axis, uses } of batches.flat()) {
    const dead = await scaleByOutputs(problem, read, element, axis, uses);
    if (dead > 0)
      unidentifiable.push({ axis, reason: `${dead} of its indices have zero weights only` });
  }
  for (const name of basisOrder(problem)) {
    const { action, singular } = await balanceBases(problem, read, element, name);
    element[name] = action;
    if (singular > 0)
      unidentifiable.push({
        axis: name,
        reason: `the weights of ${singular} of ${action.permutations.length} instances do not span it`,
      });
  }
  const done = new Set([...batches.flat().map(({ axis }) => axis), ...basisOrder(problem)]);
  for (const [name, { scale, group }] of Object.entries(problem.axes)) {
    if (done.has(name)) continue;
    if (scale === "positive")
      unidentifiable.push({ axis: name, reason: "no tensor ties its scales to fixed axes" });
    if (group === "general-linear")
      unidentifiable.push({
        axis: name,
        reason: "every tensor that has it has another open basis too",
      });
  }
  return { element, unidentifiable };
}
