// Weight matching (Ainsworth et al., Git Re-Basin, ICLR 2023, algorithm 1) over the axes of any spec: the best of several
// descents (descent.ts) from a first guess by features, from where the networks are, or from anywhere.

import { randomStream, deriveSeed } from "../../core/random.ts";
import { type GroupElement, identityElement } from "../../symmetry/element.ts";
import {
  descend,
  type Descent,
  entriesOf,
  neighboursOf,
  scoreOf,
  type TensorPair,
} from "./descent.ts";
import { axisFeatures } from "../../parts/features/features.ts";
import { type AxisFeatures, rootMeanSquare } from "../../parts/features/messages.ts";
import { enclosedBy } from "./match-enclosing.ts";
import { matchFeatures } from "./match-features.ts";
import type { MatchProblem } from "../../parts/problem.ts";

/** Where a descent begins. */
export type MatchStart = "features" | "identity" | "random" | "given";

/** How long a search for the best alignment goes on, and from where. */
export interface MatchOptions {
  /** Where descents begin; the best of them is kept. @default features, then identity */
  readonly starts?: readonly Exclude<MatchStart, "given">[];
  /** Begin here, and nowhere else. */
  readonly from?: GroupElement;
  /** Only these axes move. @default all that can */
  readonly axes?: readonly string[];
  /** Fixes random starts and the order of axes. @default 0 */
  readonly seed?: number;
  /** Most passes over all axes of one descent. @default 32 */
  readonly sweeps?: number;
  /** Of all starts, descend from the nearest only. @default false */
  readonly nearestStart?: boolean;
  /** A pass that raises the similarity by less than this is the last one. @default 0: as long as there is a gain to speak of */
  readonly minGain?: number;
  readonly signal?: AbortSignal;
  readonly onSweep?: (sweep: {
    start: number;
    starts: number;
    sweep: number;
    score: number;
  }) => void;
}

/** A matching of the weights of two networks. */
export interface WeightMatch {
  /** Moves the second network onto the first. */
  readonly element: GroupElement;
  /** Sum over parts of inner products, each in units of both root mean squares. */
  readonly score: number;
  /** The score where the winning descent began. */
  readonly startScore: number;
  /** Number of entries counted: the score of a network with itself. */
  readonly entries: number;
  readonly start: MatchStart;
  readonly sweeps: number;
}

/** The share of the highest possible score from which no other start is tried. */
const nearlyEqual = 0.999;

/**
 * The best element of all starts; where no two axes share a part, one start finds the best there is. Positive
 * scales and bases must have been fixed in both networks (normalize-scales.ts).
 */
export async function matchWeights(
  pair: TensorPair,
  options: MatchOptions = {},
): Promise<WeightMatch> {
  const { problem } = pair;
  const { seed = 0, from: given } = options;
  const weights = await partWeights(pair);
  const independent = neighboursOf(problem, weights).size === 0;
  const usual = options.starts ?? (["features", "identity"] as const);
  const starts: readonly MatchStart[] = given ? ["given"] : independent ? ["identity"] : usual;
  const needsFeatures = starts.includes("features") || enclosedBy(problem).size > 0;
  const features = !needsFeatures
    ? { a: {}, b: {} }
    : { a: await axisFeatures(problem, pair.a), b: await axisFeatures(problem, pair.b) };
  const entries = entriesOf(problem, weights);
  const descent = { ...pair, weights, features };
  const all = starts.map((start, number) => ({
    start,
    number,
    from: given ?? startElement(problem, features, start, deriveSeed(seed, "start", number)),
  }));
  const tried = options.nearestStart === true ? await nearestOf(descent, all) : all;
  let best: WeightMatch | undefined;
  for (const [at, { start, number, from }] of tried.entries()) {
    const found = await descend(descent, from, {
      ...options,
      seed: deriveSeed(seed, "order", number),
      onSweep: (sweep, score) =>
        options.onSweep?.({ start: at, starts: tried.length, sweep, score }),
    });
    if (best === undefined || found.score > best.score + 1e-9 * Math.abs(best.score))
      best = { ...found, entries, start };
    if (best.score >= nearlyEqual * entries) break;
  }
  const element = identityElement(problem);
  return best ?? { element, entries, score: 0, startScore: 0, start: "identity", sweeps: 0 };
}

interface Start {
  readonly start: MatchStart;
  readonly number: number;
  readonly from: GroupElement;
}

/** The start of highest score; the first of equals. */
async function nearestOf(descent: Descent, starts: readonly Start[]): Promise<readonly Start[]> {
  if (starts.length < 2) return starts;
  const scores: number[] = [];
  for (const { from } of starts) scores.push(await scoreOf(descent, from));
  return [starts[scores.indexOf(Math.max(...scores))]];
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

/** One over the product of both root mean squares, so that every entry counts in units of its tensor's root mean square. */
async function partWeights({ problem, a, b }: TensorPair): Promise<number[]> {
  const weights: number[] = [];
  for (const part of problem.parts.keys()) {
    const product = rootMeanSquare((await a(part)).data) * rootMeanSquare((await b(part)).data);
    weights.push(product === 0 ? 0 : 1 / product);
  }
  return weights;
}
