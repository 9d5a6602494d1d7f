// Paths of several pairs of networks as one, with means and spreads.

import { lossBarrier, type PathPoint } from "../align/merging/path.ts";
import { meanAndSpread } from "../train/metrics.ts";
import type { MeasuredPath } from "./merge-report.ts";

/** One path per pair, all measured at the same points. */
export function measuredPath(paths: readonly (readonly PathPoint[])[]): MeasuredPath {
  return {
    barrier: meanAndSpread(paths.map(lossBarrier)),
    points: paths[0].map(({ t }, at) => ({
      t,
      loss: meanAndSpread(paths.map((path) => path[at].loss)),
      accuracy: meanAndSpread(paths.map((path) => path[at].accuracy)),
    })),
  };
}
