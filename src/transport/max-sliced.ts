// Max-sliced Wasserstein distance: the direction along which two clouds are farthest apart, by a search over random directions
// and an ascent from the best of them. POT's function of that name only searches.

import { deriveSeed } from "../core/random.ts";
import { ascend, type AscentResult } from "./ascent.ts";
import { coupleLines, gapDerivative, linePower } from "./one-dimensional.ts";
import { checkCount, finitePower, type Points } from "./points.ts";
import {
  orderRoot,
  slice,
  slicedProblem,
  type SlicedLog,
  type SlicedOptions,
  slicePowers,
  type SlicedProblem,
} from "./sliced.ts";

/** How the worst direction is looked for. */
export interface MaxSlicedOptions extends SlicedOptions {
  /** Most steps of each ascent; 0 leaves the best of the directions given or drawn, as POT does. @default 500 */
  readonly steps?: number;
  /** Ascents, from the best directions of the search. @default 4 */
  readonly starts?: number;
}

/** What `log: true` returns. */
export interface MaxSlicedLog extends SlicedLog {
  /** The direction of the maximum. */
  readonly direction: readonly number[];
  /** Whether the ascent that found it ended at a local maximum; false where `steps` is 0. */
  readonly converged: boolean;
}

const unit = (v: Float64Array): Float64Array => {
  const length = Math.sqrt(v.reduce((sum, value) => sum + value * value, 0));
  return v.map((value) => value / length);
};

/** W_p^p along a direction and its gradient on the sphere. */
function sliceDerivative(problem: SlicedProblem, direction: Float64Array) {
  const { x, y, p } = problem;
  const { dimension } = x;
  const [u, v] = slice(problem, direction);
  const gradient = () => {
    const sums = new Float64Array(dimension);
    const { pieces, i, j, mass } = coupleLines(u, v);
    for (let at = 0; at < pieces; at++) {
      const derivative = mass[at] * gapDerivative(u.values[i[at]] - v.values[j[at]], p);
      const [startX, startY] = [i[at] * dimension, j[at] * dimension];
      for (let k = 0; k < dimension; k++)
        sums[k] += derivative * (x.data[startX + k] - y.data[startY + k]);
    }
    const radial = sums.reduce((sum, value, k) => sum + value * direction[k], 0);
    return sums.map((value, k) => value - radial * direction[k]);
  };
  return { value: linePower(u, v, p), gradient };
}

/** @see maxSlicedWasserstein below */
export function maxSlicedWasserstein(
  x: Points,
  y: Points,
  options: MaxSlicedOptions & { readonly log: true },
): MaxSlicedLog;
export function maxSlicedWasserstein(
  x: Points,
  y: Points,
  options?: MaxSlicedOptions & { readonly log?: false },
): number;
/**
 * The largest W_p along one direction. A local maximum, the best of several ascents: a lower bound of the true one.
 * @throws {ShapeError} @throws {OptionError} as `slicedWasserstein`
 */
export function maxSlicedWasserstein(
  x: Points,
  y: Points,
  options: MaxSlicedOptions & { readonly log?: boolean } = {},
): number | MaxSlicedLog {
  const caller = "maxSlicedWasserstein";
  const { steps = 500, starts = 4, seed = 0 } = options;
  checkCount(caller, "steps", steps, 0);
  checkCount(caller, "starts", starts);
  const problem = slicedProblem(caller, x, y, options);
  const { directions, p, projections } = problem;
  const projectedEmds = slicePowers(problem);
  for (const power of projectedEmds) finitePower(caller, power);
  const order = [...directions.keys()].sort((i, j) => projectedEmds[j] - projectedEmds[i]);
  let best: AscentResult = {
    point: directions[order[0]],
    value: projectedEmds[order[0]],
    steps: 0,
    converged: false,
  };
  if (steps > 0) {
    const surface = { evaluate: (v: Float64Array) => sliceDerivative(problem, v), retract: unit };
    const results = order
      .slice(0, starts)
      .map((l) => ascend(surface, directions[l], { steps, seed: deriveSeed(seed, "ascent", l) }));
    best = results.reduce((a, b) => (b.value > a.value ? b : a));
  }
  const value = orderRoot(best.value, p);
  return options.log === true
    ? {
        value,
        projections,
        projectedEmds,
        direction: [...best.point],
        converged: best.converged,
      }
    : value;
}
