// Normalizes scales and bases before anything discrete is matched: positive scales so that what enters a unit
// has norm 1, general-linear bases so that both sides are balanced (equal diagonal Gram matrices). Signs and rotations
// among equal singular values stay open; matching settles them.

import { type GroupElement, identityElement } from "../../symmetry/element.ts";
import { balanceBases, basisOrder } from "./balance-bases.ts";
import type { MatchProblem, PartReader } from "../problem.ts";
import { inRange, spreadScales, withUnitMean } from "./spread-scales.ts";
import {
  isUnset,
  normsOf,
  scaleByOutputs,
  type ScaledAxis,
  scaleOrder,
  setScales,
  type Use,
} from "./unit-norms.ts";

/** What brings a network to normalized scales and bases, one choice among all that give the same function. */
export interface NormalizedScales {
  /** Scales and matrices only: nothing is reordered. */
  readonly element: GroupElement;
  /** Axes with a continuous group that the weights do not pin down, with the reason. */
  readonly unidentifiable: readonly { readonly axis: string; readonly reason: string }[];
}

/** Normalizes scales and bases of one network without phases; reads every part with such an axis a few times. */
export async function normalizeScales(
  problem: MatchProblem,
  read: PartReader,
): Promise<NormalizedScales> {
  const batches = scaleOrder(problem);
  const scaled = batches.flat().map(({ axis }) => axis);
  let { element, unidentifiable } = await fixScales(problem, read, batches);
  if (!inRange(element, scaled)) {
    const single = batches.map((batch) => batch.map((one) => withLargest(problem, one)));
    ({ element, unidentifiable } = await fixScales(problem, read, single, true));
    await spreadScales(problem, read, element, scaled);
  }
  const bases = basisOrder(problem);
  for (const basis of bases) {
    const { action, singular } = await balanceBases(problem, read, element, basis);
    element[basis.axis] = action;
    if (singular > 0)
      unidentifiable.push({
        axis: basis.axis,
        reason: `the weights of ${singular} of ${action.permutations.length} instances do not span it`,
      });
  }
  const done = new Set([...scaled, ...bases.map(({ axis }) => axis)]);
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

/** The axis with the part that has most entries alone: several parts change by other factors when another axis does. */
function withLargest({ parts }: MatchProblem, { axis, uses }: ScaledAxis): ScaledAxis {
  const entries = ({ part }: Use) => parts[part].dims.reduce((count, { size }) => count * size, 1);
  return {
    axis,
    uses: [uses.reduce((largest, use) => (entries(use) > entries(largest) ? use : largest))],
  };
}

type Fixed = {
  element: Record<string, GroupElement[string]>;
  unidentifiable: NormalizedScales["unidentifiable"][number][];
};

/** Scales such that what enters a unit has norm 1, or, with `hasUnitMean`, the same norm for all units of an axis. */
async function fixScales(
  problem: MatchProblem,
  read: PartReader,
  batches: readonly (readonly ScaledAxis[])[],
  hasUnitMean = false,
): Promise<Fixed> {
  const element: Fixed["element"] = { ...identityElement(problem) };
  const unidentifiable: Fixed["unidentifiable"] = [];
  for (const batch of batches) {
    const fixed: [string, number[]][] = [];
    for (const { axis, uses } of batch)
      fixed.push([axis, await normsOf(problem, read, element, axis, uses)]);
    for (const [at, [axis, norms]] of fixed.entries()) {
      const { dim, part } = batch[at].uses[0];
      setScales(problem, element, axis, norms, problem.parts[part].dims[dim].inverse);
      if (hasUnitMean) element[axis] = withUnitMean(element[axis], isUnset);
    }
  }
  for (const { axis, uses } of batches.flat()) {
    const dead = await scaleByOutputs(problem, read, element, axis, uses);
    if (dead > 0)
      unidentifiable.push({ axis, reason: `${dead} of its indices have zero weights only` });
  }
  return { element, unidentifiable };
}
