// Weight matching (Ainsworth et al., Git Re-Basin, ICLR 2023, algorithm 1) over the axes of any spec: coordinate descent
// that re-solves one axis at a time by linear assignment. Signs are chosen with the pairing, general-linear axes turn by
// orthogonal Procrustes, and an axis that encloses others is paired by the best match of what lies inside it.

import { randomStream, deriveSeed } from "../core/random.ts";
import {
  composeElements,
  type GroupElement,
  identityElement,
  instanceCount,
} from "../group/element.ts";
import { axisFeatures } from "./features.ts";
import { type AxisFeatures, isMoving, rootMeanSquare } from "./messages.ts";
import { enclosedBy, matchEnclosing, type MatchInside } from "./match-enclosing.ts";
import { matchFeatures } from "./match-features.ts";
import { bestPairing, bestRotation } from "./match-instance.ts";
import { mover } from "./move.ts";
import { addRowProducts } from "./products.ts";
import type { MatchProblem, PartReader } from "./problem.ts";
import { rowsOf, type Dense } from "./dense.ts";

export type MatchStart = "features" | "identity" | "random";

export interface MatchOptions {
  /** Where descents begin; the best of them is kept. @default features, then identity */
  readonly starts?: readonly MatchStart[];
  /** Fixes random starts and the order of axes. @default 0 */
  readonly seed?: number;
  /** Most passes over all axes of one descent. @default 32 */
  readonly sweeps?: number;
  readonly signal?: AbortSignal;
  readonly onSweep?: (sweep: {
    start: number;
    starts: number;
    sweep: number;
    score: number;
  }) => void;
}

export interface WeightMatch {
  /** Moves the second network onto the first. */
  readonly element: GroupElement;
  /** Sum over parts of inner products, each in units of both root mean squares. */
  readonly score: number;
  /** Number of entries counted: the score of a network with itself. */
  readonly entries: number;
  readonly start: MatchStart;
  readonly sweeps: number;
}

/** A pair of networks seen by matching: `b` is moved, `a` stays. */
export interface Pair {
  readonly problem: MatchProblem;
  readonly a: PartReader;
  readonly b: PartReader;
}

/** The best element of all starts. Positive scales and bases must have been fixed in both networks (gauge.ts). */
export async function matchWeights(pair: Pair, options: MatchOptions = {}): Promise<WeightMatch> {
  const { problem } = pair;
  const { starts = ["features", "identity"], seed = 0 } = options;
  const weights = await partWeights(pair);
  const features = {
    a: await axisFeatures(problem, pair.a),
    b: await axisFeatures(problem, pair.b),
  };
  const entries = problem.parts.reduce(
    (sum, { dims }, part) =>
      weights[part] === 0 ? sum : sum + dims.reduce((count, { size }) => count * size, 1),
    0,
  );
  let best: WeightMatch | undefined;
  for (const [number, start] of starts.entries()) {
    const from = startElement(problem, features, start, deriveSeed(seed, "start", number));
    const found = await descend({ ...pair, weights, features }, from, {
      ...options,
      seed: deriveSeed(seed, "order", number),
      onSweep: (sweep, score) =>
        options.onSweep?.({ start: number, starts: starts.length, sweep, score }),
    });
    if (best === undefined || found.score > best.score + 1e-9 * Math.abs(best.score))
      best = { ...found, entries, start };
  }
  const element = identityElement(problem);
  return best ?? { element, entries, score: 0, start: "identity", sweeps: 0 };
}

function startElement(
  problem: MatchProblem,
  features: { readonly a: AxisFeatures; readonly b: AxisFeatures },
  start: MatchStart,
  seed: number,
): GroupElement {
  const identity = identityElement(problem);
  if (start === "identity") return identity;
  if (start === "features") return matchFeatures(problem, features.a, features.b);
  const random = randomStream(seed);
  const moved = Object.entries(identity).map(([axis, action]) => [
    axis,
    problem.axes[axis].group === "general-linear"
      ? action
      : { ...action, permutations: action.permutations.map((p) => random.permutation(p.length)) },
  ]);
  return Object.fromEntries(moved) as GroupElement;
}

/** One over the product of both root mean squares, so that every entry counts in units of its tensor's spread. */
async function partWeights({ problem, a, b }: Pair): Promise<number[]> {
  const weights: number[] = [];
  for (const part of problem.parts.keys()) {
    const product = rootMeanSquare((await a(part)).data) * rootMeanSquare((await b(part)).data);
    weights.push(product === 0 ? 0 : 1 / product);
  }
  return weights;
}

export interface Descent extends Pair {
  readonly weights: readonly number[];
  readonly features: { readonly a: AxisFeatures; readonly b: AxisFeatures };
}

async function descend(
  descent: Descent,
  from: GroupElement,
  options: Omit<MatchOptions, "onSweep"> & {
    readonly onSweep: (sweep: number, score: number) => void;
  },
): Promise<{ element: GroupElement; score: number; sweeps: number }> {
  const { problem } = descent;
  const { sweeps = 32, seed = 0, signal } = options;
  const random = randomStream(seed);
  const enclosed = enclosedBy(problem);
  const axes = Object.keys(problem.axes).filter((name) => isMoving(problem.axes[name]));
  const linear = (name: string) => problem.axes[name].group === "general-linear";
  let element = from;
  let score = await scoreOf(descent, element);
  let best = { element, score, sweeps: 0 };
  for (let sweep = 1; sweep <= sweeps; sweep++) {
    const shuffled = random.permutation(axes.length).map((i) => axes[i]);
    const order = [
      ...shuffled.filter(linear),
      ...shuffled.filter((name) => !linear(name)),
      ...shuffled.filter(linear),
    ];
    for (const axis of order) {
      signal?.throwIfAborted();
      const delta =
        (enclosed.get(axis) ?? []).length > 0
          ? await matchEnclosing(descent, element, axis, matchInside)
          : await matchAxis(descent, element, axis);
      if (delta !== undefined) element = composeElements(problem, delta, element);
    }
    const next = await scoreOf(descent, element);
    options.onSweep(sweep, next);
    const better = next > score + 1e-7 * Math.abs(score);
    if (next >= score) best = { element, score: next, sweeps: sweep };
    if (!better) break;
    score = next;
  }
  return best;
}

/** Matches what lies inside a pair of indices: one descent from the features. */
const matchInside: MatchInside = async (problem, a, b, weights) => {
  const features = { a: await axisFeatures(problem, a), b: await axisFeatures(problem, b) };
  const start = matchFeatures(problem, features.a, features.b);
  const quiet = { sweeps: 8, onSweep: () => undefined };
  return descend({ problem, a, b, weights, features }, start, quiet);
};

/** Sum over parts of weighted inner products of `a` with the moved `b`. */
async function scoreOf(
  { problem, a, b, weights }: Descent,
  element: GroupElement,
): Promise<number> {
  const move = mover(problem.axes, element);
  let score = 0;
  for (const [part, { dims }] of problem.parts.entries()) {
    if (weights[part] === 0) continue;
    const left = (await a(part)).data;
    const right = move(dims, await b(part)).data;
    let sum = 0;
    for (let i = 0; i < left.length; i++) sum += left[i] * right[i];
    score += weights[part] * sum;
  }
  return score;
}

/** The best change of one axis that encloses no other, the rest held; undefined when it would change nothing. */
async function matchAxis(
  { problem, a, b, weights }: Descent,
  element: GroupElement,
  axis: string,
): Promise<GroupElement | undefined> {
  const { size, group, scale } = problem.axes[axis];
  const instances = instanceCount(problem, axis);
  const gains = Array.from({ length: instances }, () => new Float64Array(size * size));
  const move = mover(problem.axes, element);
  for (const [part, { dims }] of problem.parts.entries()) {
    if (weights[part] === 0 || !dims.some((d) => d.axis === axis)) continue;
    const left = await a(part);
    const right = move(dims, await b(part));
    for (const [dim, d] of dims.entries()) {
      if (d.axis !== axis) continue;
      for (let instance = 0; instance < instances; instance++)
        await addInstance(gains[instance], dims, left, right, dim, instance, weights[part]);
    }
  }
  const identity = Array.from({ length: size }, (_, i) => i);
  if (group === "general-linear") {
    const matrices = gains.map((gain) => bestRotation(gain, size));
    return { [axis]: { permutations: gains.map(() => identity), matrices } };
  }
  const pairings = gains.map((gain) => bestPairing(gain, size, scale === "sign"));
  const still = pairings.every(
    ({ permutation, signs }) =>
      permutation.every((to, i) => to === i) && (signs?.every((s) => s === 1) ?? true),
  );
  if (still) return undefined;
  return {
    [axis]: {
      permutations: pairings.map(({ permutation }) => permutation),
      ...(scale !== undefined && {
        scales: pairings.map(({ signs }) => signs ?? identity.map(() => 1)),
      }),
    },
  };
}

async function addInstance(
  gains: Float64Array,
  dims: MatchProblem["parts"][number]["dims"],
  left: Dense,
  right: Dense,
  dim: number,
  instance: number,
  weight: number,
): Promise<void> {
  const { rows, rest } = rowsOf(dims, left, dim, instance);
  await addRowProducts(
    gains,
    rows,
    rowsOf(dims, right, dim, instance).rows,
    dims[dim].size,
    rest,
    weight,
  );
}
