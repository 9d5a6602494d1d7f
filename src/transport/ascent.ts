// Ascent on a function that is smooth in pieces: steps along the gradient while they pay, and where they stop at an edge
// between pieces, along the shortest convex combination of gradients nearby (gradient sampling, Burke, Lewis and Overton 2005).

import { randomStream, type RandomStream } from "../core/random.ts";
import { lengthOf } from "./directions.ts";

/** A function on a set of vectors, such as unit vectors. */
export interface AscentProblem {
  /** The function and, where asked, its gradient within the set: its part tangent to it. */
  readonly evaluate: (point: Float64Array) => {
    readonly value: number;
    readonly gradient: () => Float64Array;
  };
  /** The nearest vector of the set. */
  readonly retract: (point: Float64Array) => Float64Array;
}

export interface AscentOptions {
  /** Most steps. @default 500 */
  readonly steps?: number;
  /** Ends when no step longer than this, as a share of the first one, rises. @default 1e-8 */
  readonly tolerance?: number;
  readonly seed: number;
  /** Length of the first step. @default 1 */
  readonly radius?: number;
}

export interface AscentResult {
  readonly point: Float64Array;
  readonly value: number;
  /** Steps taken. */
  readonly steps: number;
  /** Whether steps ended by the tolerance and not by their number. */
  readonly converged: boolean;
}

/** Least rise of a step, as a share of its length times its derivative: less is the zigzag at an edge. */
const sufficient = 1e-3;

const inner = (a: Float64Array, b: Float64Array): number => a.reduce((s, v, i) => s + v * b[i], 0);

/** The shortest convex combination of vectors, by Frank-Wolfe steps with exact line search; those that are not finite aside. */
function shortestCombination(given: readonly Float64Array[]): Float64Array {
  const finite = given.filter((vector) => vector.every(Number.isFinite));
  if (finite.length === 0) return given[0].map(() => 0);
  const longest = finite.reduce((most, vector) => Math.max(most, lengthOf(vector)), 0);
  const isModerate = longest === 0 || (longest > 1e-140 && longest < 1e140);
  const unit = isModerate ? 1 : longest; // so that squares neither underflow nor overflow
  const vectors = finite.map((vector) => vector.map((v) => v / unit));
  let best = vectors[0];
  for (let step = 0; step < 60; step++) {
    const lengths = vectors.map((vector) => inner(best, vector));
    const corner = vectors[lengths.indexOf(Math.min(...lengths))];
    const away = corner.map((v, i) => v - best[i]);
    const squares = inner(away, away);
    const share = squares === 0 ? 0 : Math.min(1, Math.max(0, -inner(best, away) / squares));
    if (share === 0) break;
    best = best.map((v, i) => v + share * away[i]);
  }
  return best.map((v) => v * unit);
}

/** Gradients at random points at most `radius` away. */
function nearbyGradients(
  { evaluate, retract }: AscentProblem,
  point: Float64Array,
  radius: number,
  random: RandomStream,
): Float64Array[] {
  const count = Math.min(point.length + 1, 16);
  return Array.from({ length: count }, () => {
    const move = point.map(() => random.normal());
    const share = (radius * random.uniform()) / Math.sqrt(inner(move, move));
    return evaluate(retract(point.map((v, i) => v + share * move[i]))).gradient();
  });
}

/**
 * A local maximum, from a start within the set. The value never falls; `converged` says whether the search ended at one.
 */
export function ascend(
  problem: AscentProblem,
  start: Float64Array,
  { steps = 500, tolerance = 1e-8, seed, radius = 1 }: AscentOptions,
): AscentResult {
  const random = randomStream(seed);
  let point = problem.retract(start);
  const first = problem.evaluate(point);
  let [value, gradient] = [first.value, first.gradient()];
  let reach = radius;
  let nearby = radius / 16;
  /** Goes to the first point on the ray that is higher enough, halving from `from` down to `minStep`. */
  const climb = (direction: Float64Array, from: number, minStep: number): boolean => {
    const length = lengthOf(direction);
    if (!(length > 0 && length < Infinity)) return false;
    for (let far = from; far >= minStep; far /= 2) {
      const next = problem.retract(point.map((v, i) => v + (far / length) * direction[i]));
      const found = problem.evaluate(next);
      if (!(found.value > value + sufficient * far * length)) continue;
      point = next;
      [value, gradient] = [found.value, found.gradient()];
      reach = Math.min(2 * far, radius);
      return true;
    }
    return false;
  };
  for (let step = 0; step < steps; step++) {
    if (climb(gradient, Math.max(reach, 4 * nearby), nearby)) continue;
    if (nearby < tolerance * radius) return { point, value, steps: step, converged: true };
    const around = [gradient, ...nearbyGradients(problem, point, nearby, random)];
    if (climb(shortestCombination(around), 4 * nearby, nearby / 16)) continue;
    nearby /= 4;
    reach = 4 * nearby;
  }
  return { point, value, steps, converged: false };
}
