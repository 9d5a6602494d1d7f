// The straight path between two networks, and the loss barrier on it: how far the loss rises above the straight line
// between its ends (Frankle et al., "Linear Mode Connectivity", 2020; Ainsworth et al., Git Re-Basin, 2023, section 2).

import { OptionError } from "../../core/errors.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import type { GroupElement } from "../../symmetry/element.ts";
import { mergeWeights } from "./merge-weights.ts";
import type { WeightReader } from "../../parts/problem.ts";

/** What was measured at one point of the path: t = 0 is the first network, t = 1 the second. */
export interface PathPoint {
  readonly t: number;
  /** Mean over examples. */
  readonly loss: number;
  /** Share of examples classified rightly; NaN where nothing is classified. */
  readonly accuracy: number;
}

/** The network (1 - t) a + t b, the second one moved by `element` first where it is given. */
export function interpolate(
  spec: Pick<SymmetrySpec, "axes" | "tensors">,
  a: WeightReader,
  b: WeightReader,
  t: number,
  element?: GroupElement,
): WeightReader {
  return mergeWeights(spec, [
    { read: a, share: 1 - t },
    { read: b, share: t, ...(element && { element }) },
  ]);
}

/** Points from 0 to 1, both ends included. @throws {OptionError} for fewer than 3 */
export function pathPoints(count: number): number[] {
  if (!Number.isSafeInteger(count) || count < 3)
    throw new OptionError(`pathPoints: expected 3 points or more, got ${count}`);
  return Array.from({ length: count }, (_, i) => i / (count - 1));
}

/** The largest rise of the loss over the straight line between its ends; at least 0, which the ends have. */
export function lossBarrier(path: readonly Pick<PathPoint, "t" | "loss">[]): number {
  const [first, last] = [path.at(0), path.at(-1)];
  if (first === undefined || last === undefined || first.t !== 0 || last.t !== 1)
    throw new OptionError("lossBarrier: the path must begin at t = 0 and end at t = 1");
  return Math.max(...path.map(({ t, loss }) => loss - ((1 - t) * first.loss + t * last.loss)));
}
