// What is measured on the way between two networks; paths of several pairs of networks as one, with means and standard deviations.

import { lossBarrier, type PathPoint } from "../align/merging/path.ts";
import { meanAndStd } from "../train/measures/metrics.ts";

/** A measured number over several pairs of networks; the standard deviation is NaN for one. */
export interface Measured {
  readonly mean: number;
  readonly std: number;
}

/** What was measured along the path from t = 0, the first network, to t = 1, the second. */
export interface MeasuredPath {
  readonly points: readonly {
    readonly t: number;
    readonly loss: Measured;
    readonly accuracy: Measured;
  }[];
  readonly barrier: Measured;
}

/** Two paths between the same networks on the same examples. */
export interface PathPair {
  /** Which networks: "64-512-512-10". */
  readonly network: string;
  /** Which examples: "test images". */
  readonly examples: string;
  readonly plain: MeasuredPath;
  readonly aligned: MeasuredPath;
}

/** One path per pair, all measured at the same points. */
export function measuredPath(paths: readonly (readonly PathPoint[])[]): MeasuredPath {
  return {
    barrier: meanAndStd(paths.map(lossBarrier)),
    points: paths[0].map(({ t }, at) => ({
      t,
      loss: meanAndStd(paths.map((path) => path[at].loss)),
      accuracy: meanAndStd(paths.map((path) => path[at].accuracy)),
    })),
  };
}
