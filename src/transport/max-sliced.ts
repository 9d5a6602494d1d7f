// Max-sliced Wasserstein distance: the direction along which two clouds are farthest apart, by a search over random directions
// and an ascent from the best of them. POT's function of that name only searches.

import { checkOptions, slicedNames } from "./option-names.ts";
import { OptionError } from "../core/errors.ts";
import { deriveSeed } from "../core/random.ts";
import { ascend, type AscentResult } from "./ascent.ts";
import { lengthOf } from "./directions.ts";
import { directionRows } from "./numeric/projection.ts";
import { directionMatrix } from "./numeric/projection-kernel.ts";
import { coupleLines, gapDerivative, linePower } from "./one-dimensional.ts";
import { checkCount, finitePower, type Points } from "./points.ts";
import {
  measureSlices,
  orderRoot,
  plainPowers,
  slice,
  slicedProblem,
  type SlicedLog,
  type SlicedOptions,
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

/** The direction at length 1, whatever its length; not for zeros. */
const unit = (v: Float64Array): Float64Array => {
  const length = lengthOf(v);
  return v.map((value) => value / length);
};

/** Numbers of the directions to climb from, the best first; zeros point nowhere. */
function startsOf(
  caller: string,
  directions: readonly Float64Array[],
  powers: readonly number[],
): number[] {
  const known = [...directions.keys()].filter((l) => directions[l].some((c) => c !== 0));
  if (known.length === 0)
    throw new OptionError(
      `${caller}: all columns of projections are zeros, from which no ascent starts; expected directions`,
    );
  return known.sort((i, j) => powers[j] - powers[i]);
}

/** W_p^p along a direction, in units of a length, and its gradient on the sphere. */
function sliceDerivative(problem: SlicedProblem, direction: Float64Array, length: number) {
  const { x, y, p } = problem;
  const { dimension } = x;
  const [u, v] = slice(problem, direction);
  const gradient = () => {
    const sums = new Float64Array(dimension);
    const { pieces, i, j, mass } = coupleLines(u, v);
    for (let at = 0; at < pieces; at++) {
      const gap = (u.values[i[at]] - v.values[j[at]]) / length;
      const derivative = (mass[at] * gapDerivative(gap, p)) / length;
      const [startX, startY] = [i[at] * dimension, j[at] * dimension];
      for (let k = 0; k < dimension; k++)
        sums[k] += derivative * (x.data[startX + k] - y.data[startY + k]);
    }
    const radial = sums.reduce((sum, value, k) => sum + value * direction[k], 0);
    return sums.map((value, k) => value - radial * direction[k]);
  };
  return { value: linePower(u, v, p, length), gradient };
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
  checkOptions(caller, options, [...slicedNames, "steps", "starts"]);
  const { steps = 500, starts = 4, seed = 0 } = options;
  checkCount(caller, "steps", steps, 0);
  checkCount(caller, "starts", starts);
  checkCount(caller, "seed", seed, 0);
  const problem = slicedProblem(caller, x, y, options);
  const { p, projections } = problem;
  const directions = directionRows(problem.directions);
  const measured = measureSlices(problem);
  const { powers } = measured;
  for (const power of powers) finitePower(caller, power);
  const searched = powers.reduce((a, power, l) => (power > powers[a] ? l : a), 0);
  let best: AscentResult = {
    point: directions[searched],
    value: powers[searched],
    steps: 0,
    converged: false,
  };
  let length = measured.unit;
  if (steps > 0) {
    const chosen = startsOf(caller, directions, powers).slice(0, starts);
    if (length !== 1) {
      const along = directionMatrix(chosen.map((l) => unit(directions[l])));
      length = measureSlices({ ...problem, directions: along }).unit;
    }
    const surface = {
      evaluate: (v: Float64Array) => sliceDerivative(problem, v, length),
      retract: unit,
    };
    const results = chosen.map((l) =>
      ascend(surface, directions[l], { steps, seed: deriveSeed(seed, "ascent", l) }),
    );
    best = results.reduce((a, b) => (b.value > a.value ? b : a));
  }
  const value = length * orderRoot(finitePower(caller, best.value), p);
  return options.log === true
    ? {
        value,
        projections,
        projectedEmds: plainPowers(caller, measured, p),
        direction: [...best.point],
        converged: best.converged,
      }
    : value;
}
