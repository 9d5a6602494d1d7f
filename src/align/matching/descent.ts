// One descent of weight matching: axes are re-solved one at a time by linear assignment until none changes. Signs are
// chosen with the pairing, general-linear axes turn by orthogonal Procrustes, and an axis that encloses others is paired by
// the best match of what lies inside it.

import { randomStream } from "../../core/random.ts";
import {
  composedAxes,
  type GroupElement,
  identityElement,
  instanceCount,
} from "../../symmetry/element.ts";
import { axisFeatures } from "../../parts/features/features.ts";
import { type AxisFeatures, isMoving } from "../../parts/features/messages.ts";
import { enclosedBy, matchEnclosing, type MatchInside } from "./match-enclosing.ts";
import { matchFeatures } from "./match-features.ts";
import { bestRotation, type Pairing } from "./match-instance.ts";
import { pairRows } from "./pair-rows.ts";
import { partAction } from "../../symmetry/act.ts";
import type { RowPair } from "../../parts/row-pair.ts";
import { addRowProducts } from "../../parts/products.ts";
import type { MatchProblem, PartReader } from "../../parts/problem.ts";
import { rowsOf } from "../../parts/rows.ts";

/** A pair of networks seen by matching: `b` is moved, `a` stays. */
export interface TensorPair {
  readonly problem: MatchProblem;
  readonly a: PartReader;
  readonly b: PartReader;
}

export interface DescentOptions {
  /** Most passes over all axes. @default 32 */
  readonly sweeps?: number;
  /** Fixes the order of axes. @default 0 */
  readonly seed?: number;
  /** Only these axes move. @default all that can */
  readonly axes?: readonly string[];
  /** A pass that raises the similarity by less than this is the last one. @default 0 */
  readonly minGain?: number;
  readonly signal?: AbortSignal;
  readonly onSweep: (sweep: number, score: number) => void;
}

export interface Descent extends TensorPair {
  readonly weights: readonly number[];
  readonly features: { readonly a: AxisFeatures; readonly b: AxisFeatures };
}

export interface Descended {
  readonly element: GroupElement;
  readonly score: number;
  /** The score where it began. */
  readonly startScore: number;
  readonly sweeps: number;
}

/**
 * A pass that gains less than this share of the score is the last one. Networks that are not alike gain next to nothing in
 * dozens of passes; near the top every pair counts.
 */
const minGain = { far: 1e-4, near: 1e-7 };

/** The share of the highest possible score from which the smaller gain is asked for. */
const nearlyPerfect = 0.9;

export async function descend(
  descent: Descent,
  from: GroupElement,
  options: DescentOptions,
): Promise<Descended> {
  const { problem } = descent;
  const { sweeps = 32, seed = 0, minGain: least = 0, signal } = options;
  const random = randomStream(seed);
  const enclosed = enclosedBy(problem);
  const axes = Object.keys(problem.axes).filter(
    (name) => isMoving(problem.axes[name]) && options.axes?.includes(name) !== false,
  );
  const neighbours = neighboursOf(problem, descent.weights);
  /** Axes whose best match may have changed since they were matched last. */
  const stale = new Set(axes);
  const linear = (name: string) => problem.axes[name].group === "general-linear";
  const element: Record<string, GroupElement[string]> = { ...identityElement(problem), ...from };
  const places = partsOf(problem, descent.weights);
  let score = await scoreOf(descent, element);
  const startScore = score;
  const entries = entriesOf(problem, descent.weights);
  let best: Descended = { element: { ...element }, score, startScore, sweeps: 0 };
  for (let sweep = 1; sweep <= sweeps; sweep++) {
    const shuffled = random.permutation(axes.length).map((i) => axes[i]);
    const order = [
      ...shuffled.filter(linear),
      ...shuffled.filter((name) => !linear(name)),
      ...shuffled.filter(linear),
    ];
    for (const axis of order) {
      signal?.throwIfAborted();
      if (!stale.delete(axis)) continue;
      const delta =
        (enclosed.get(axis) ?? []).length > 0
          ? await matchEnclosing(descent, element, axis, matchInside)
          : await matchAxis(descent, element, axis, places.get(axis) ?? []);
      if (delta === undefined) continue;
      Object.assign(element, composedAxes(problem, delta, element));
      for (const moved of Object.keys(delta))
        for (const other of neighbours.get(moved) ?? []) stale.add(other);
    }
    const next = await scoreOf(descent, element);
    options.onSweep(sweep, next);
    const gain = next > nearlyPerfect * entries ? minGain.near : minGain.far;
    const better = next > score + Math.max(gain * Math.abs(score), least * entries);
    if (next >= score) best = { element: { ...element }, score: next, startScore, sweeps: sweep };
    if (!better || !axes.some((axis) => stale.has(axis))) break;
    score = next;
  }
  return best;
}

/** For every axis, the parts that count and have it. */
function partsOf(
  { parts }: MatchProblem,
  weights: readonly number[],
): Map<string, readonly number[]> {
  const places = new Map<string, number[]>();
  for (const [part, { dims }] of parts.entries()) {
    if (weights[part] === 0) continue;
    for (const axis of new Set(dims.flatMap((dim) => dim.axis ?? []))) {
      const known = places.get(axis);
      if (known === undefined) places.set(axis, [part]);
      else known.push(part);
    }
  }
  return places;
}

/** Entries of all parts that count: the score of a network with itself. */
export function entriesOf({ parts }: MatchProblem, weights: readonly number[]): number {
  return parts.reduce(
    (sum, { dims }, part) =>
      weights[part] === 0 ? sum : sum + dims.reduce((count, { size }) => count * size, 1),
    0,
  );
}

/** For every axis, the moving axes it shares a part with; itself too, when a part has it twice. */
export function neighboursOf(
  { axes, parts }: MatchProblem,
  weights: readonly number[],
): Map<string, Set<string>> {
  const neighbours = new Map<string, Set<string>>();
  for (const [part, { dims }] of parts.entries()) {
    if (weights[part] === 0) continue;
    const moving = dims.flatMap(({ axis }) => (axis !== null && isMoving(axes[axis]) ? axis : []));
    for (const [i, axis] of moving.entries())
      for (const other of moving.toSpliced(i, 1))
        neighbours.set(axis, (neighbours.get(axis) ?? new Set()).add(other));
  }
  return neighbours;
}

/** Matches what lies inside a pair of indices: one descent from the features. */
const matchInside: MatchInside = async (problem, a, b, weights) => {
  const features = { a: await axisFeatures(problem, a), b: await axisFeatures(problem, b) };
  const start = matchFeatures(problem, features.a, features.b);
  const quiet = { sweeps: 8, onSweep: () => undefined };
  return descend({ problem, a, b, weights, features }, start, quiet);
};

/** Sum over parts of weighted inner products of `a` with the moved `b`. */
export async function scoreOf(
  { problem, a, b, weights }: Descent,
  element: GroupElement,
): Promise<number> {
  const move = partAction(problem.axes, element);
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

/** Entries whose products are taken together, so that many small parts cost one product. */
const maxHeld = 2 ** 25;

/** Rows of one axis in all its parts, by instance; `flush` is called whenever many are held and more will come. */
async function collectRows(
  { problem, a, b, weights }: Descent,
  element: GroupElement,
  axis: string,
  places: readonly number[],
  flush: (waiting: RowPair[][]) => Promise<void>,
): Promise<RowPair[][]> {
  const move = partAction(problem.axes, element);
  const none = (): RowPair[][] =>
    Array.from({ length: instanceCount(problem, axis) }, (): RowPair[] => []);
  let waiting = none();
  let held = 0;
  for (const part of places) {
    if (held >= maxHeld) {
      await flush(waiting);
      waiting = none();
      held = 0;
    }
    const { dims } = problem.parts[part];
    const left = await a(part);
    const right = move(dims, await b(part));
    for (const [dim, d] of dims.entries()) {
      if (d.axis !== axis) continue;
      for (const [instance, pairs] of waiting.entries()) {
        const rows = rowsOf(dims, left, dim, instance);
        const moved = rowsOf(dims, right, dim, instance);
        pairs.push({ a: rows.rows, b: moved.rows, rest: rows.rest, factor: weights[part] });
      }
      held += left.data.length;
    }
  }
  return waiting;
}

/** The best change of one axis that encloses no other, the rest held; undefined when it would change nothing. */
async function matchAxis(
  descent: Descent,
  element: GroupElement,
  axis: string,
  places: readonly number[],
): Promise<GroupElement | undefined> {
  const { size, group, scale } = descent.problem.axes[axis];
  const gains: Float64Array[] = [];
  const addAll = async (rows: readonly RowPair[][]) => {
    for (const [instance, pairs] of rows.entries())
      await addRowProducts((gains[instance] ??= new Float64Array(size * size)), pairs, size);
  };
  const waiting = await collectRows(descent, element, axis, places, addAll);
  const identity = Array.from({ length: size }, (_, i) => i);
  if (group === "general-linear") {
    await addAll(waiting);
    const matrices = gains.map((gain) => bestRotation(gain, size));
    return { [axis]: { permutations: gains.map(() => identity), matrices } };
  }
  const signed = scale === "sign";
  const pairings: Pairing[] = [];
  for (const [instance, pairs] of waiting.entries())
    pairings.push(
      await pairRows(pairs, size, { signed, ...(gains[instance] && { gains: gains[instance] }) }),
    );
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
