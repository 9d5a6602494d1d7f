// Kendall's tau inside every stage of training. Where a population holds several checkpoints of a run, "later checkpoints are
// better" orders much of it; pairs of one stage know nothing of that.

import { kendallTau } from "../../train/measures/kendall-tau.ts";

/**
 * Mean over the stages of tau among the networks of one stage; stages without a tau are left out. NaN where no stage has one, or there
 * are fewer than two stages and it would be tau itself.
 */
export function stageTau(
  predicted: ArrayLike<number>,
  actual: ArrayLike<number>,
  stages: readonly number[] | undefined,
): number {
  const members = new Map<number, number[]>();
  for (const [i, stage] of (stages ?? []).entries()) {
    const known = members.get(stage);
    if (known === undefined) members.set(stage, [i]);
    else known.push(i);
  }
  if (members.size < 2) return Number.NaN;
  const taus = [...members.values()]
    .map((positions) =>
      kendallTau(
        positions.map((i) => predicted[i]),
        positions.map((i) => actual[i]),
      ),
    )
    .filter(Number.isFinite);
  return taus.reduce((sum, tau) => sum + tau, 0) / taus.length;
}
