// Learning curves of several seeds averaged epoch by epoch.

import { meanAndStd } from "../train/measures/metrics.ts";
import type { LearningCurve } from "./experiment.ts";

export interface CurvePoint {
  readonly model: string;
  readonly epoch: number;
  /** Mean validation tau of the seeds that reached this epoch. */
  readonly mean: number;
  /** Sample standard deviation; NaN for one seed. */
  readonly std: number;
}

/** One point per model and epoch, in the order of the curves; epochs where no seed has a finite tau are left out. */
export function averageCurves(curves: readonly LearningCurve[]): CurvePoint[] {
  const models = [...new Set(curves.map(({ model }) => model))];
  return models.flatMap((model) => {
    const byEpoch = new Map<number, number[]>();
    for (const curve of curves) {
      if (curve.model !== model) continue;
      for (const { epoch, validTau } of curve.epochs) {
        if (!Number.isFinite(validTau)) continue;
        byEpoch.set(epoch, [...(byEpoch.get(epoch) ?? []), validTau]);
      }
    }
    return [...byEpoch]
      .toSorted(([a], [b]) => a - b)
      .map(([epoch, values]) => {
        const { mean, std } = meanAndStd(values);
        return { model, epoch, mean, std };
      });
  });
}
