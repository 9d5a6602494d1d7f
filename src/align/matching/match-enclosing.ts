// Pairing an axis that encloses others (heads with positions inside them, groups of channels): the gain of a pair of
// indices is that of the best match of everything inside them, found as a smaller matching problem of its own.

import { type GroupElement, identityElement, instanceCount } from "../../symmetry/element.ts";
import type { PartDim } from "../../symmetry/parts.ts";
import type { Axis } from "../../symmetry/types.ts";
import { parentsOf, type Dense } from "../../symmetry/dense.ts";
import { type AxisFeatures, isMoving } from "../../parts/features/messages.ts";
import { featureGains } from "./match-features.ts";
import { bestPairing } from "./match-instance.ts";
import { partAction } from "../../symmetry/act.ts";
import type { MatchPart, MatchProblem, PartReader } from "../../parts/problem.ts";

interface EnclosingPair {
  readonly problem: MatchProblem;
  readonly a: PartReader;
  readonly b: PartReader;
  readonly weights: readonly number[];
  readonly features: { readonly a: AxisFeatures; readonly b: AxisFeatures };
}

/** Matches what lies inside one pair of indices; given by the caller, who knows how. */
export type MatchInside = (
  problem: MatchProblem,
  a: PartReader,
  b: PartReader,
  weights: readonly number[],
) => Promise<{ readonly element: GroupElement; readonly score: number }>;

/** Above this size only the likeliest partners of an index, by their features, are looked into. */
const smallAxis = 8;
const likeliest = 4;

/** For every axis, the moving axes inside it, at any depth. */
export function enclosedBy({ axes }: Pick<MatchProblem, "axes">): Map<string, string[]> {
  const inside = new Map<string, string[]>();
  for (const name of Object.keys(axes)) {
    if (!isMoving(axes[name])) continue;
    for (let outer = axes[name].within; outer !== undefined; outer = axes[outer].within)
      inside.set(outer, [...(inside.get(outer) ?? []), name]);
  }
  return inside;
}

/** The best change of an enclosing axis together with everything inside it. */
export async function matchEnclosing(
  { problem, a: readA, b: readB, weights, features }: EnclosingPair,
  element: GroupElement,
  axis: string,
  matchInside: MatchInside,
): Promise<GroupElement> {
  const { size } = problem.axes[axis];
  const inner = enclosedBy(problem).get(axis) ?? [];
  const slices = await slicesOf(problem, readA, readB, weights, element, axis, inner);
  const signs = problem.axes[axis].scale === "sign" ? [1, -1] : [1];
  const identity = identityElement(problem);
  const delta: Record<string, MutableAction> = {};
  for (const name of [axis, ...inner]) delta[name] = mutableCopy(identity[name]);
  for (let instance = 0; instance < instanceCount(problem, axis); instance++) {
    const likely = likelyPairs(features, axis, size, instance, signs.length > 1);
    const gains = new Float64Array(size * size).fill(-1e12);
    const found = new Map<number, { inside: GroupElement; sign: number }>();
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        if (i !== j && !likely(i, j)) continue;
        const a: PartReader = async (part) => slices.read("a", part, instance, i);
        for (const sign of signs) {
          const b: PartReader = async (part) => times(slices.read("b", part, instance, j), sign);
          const { score, element: inside } = await matchInside(
            slices.problem,
            a,
            b,
            slices.weights,
          );
          if (found.has(i * size + j) && score <= gains[i * size + j]) continue;
          gains[i * size + j] = score;
          found.set(i * size + j, { inside, sign });
        }
      }
    }
    const { permutation } = bestPairing(gains, size, false);
    const chosen = permutation.map((i, j) => found.get(i * size + j));
    delta[axis].permutations[instance] = permutation;
    const scales = delta[axis].scales;
    if (scales !== undefined) scales[instance] = chosen.map((match) => match?.sign ?? 1);
    for (const [j, match] of chosen.entries())
      place(delta, inner, instance * size + j, match?.inside ?? {});
  }
  return delta;
}

const times = ({ sizes, data }: Dense, factor: number): Dense =>
  factor === 1 ? { sizes, data } : { sizes, data: data.map((x) => factor * x) };

type MutableAction = {
  permutations: (readonly number[])[];
  scales?: (readonly number[])[];
  matrices?: (readonly number[])[];
};

const mutableCopy = ({ permutations, scales, matrices }: GroupElement[string]): MutableAction => ({
  permutations: [...permutations],
  ...(scales && { scales: [...scales] }),
  ...(matrices && { matrices: [...matrices] }),
});

/** Writes what happens inside index `at` (counted over all instances of the enclosing axis) into the whole element. */
function place(
  delta: Readonly<Record<string, MutableAction>>,
  inner: readonly string[],
  at: number,
  inside: GroupElement,
): void {
  for (const name of inner) {
    const { permutations, scales, matrices } = inside[name];
    const target = delta[name];
    for (const [k, permutation] of permutations.entries()) {
      const instance = at * permutations.length + k;
      target.permutations[instance] = permutation;
      if (scales !== undefined && target.scales !== undefined) target.scales[instance] = scales[k];
      if (matrices !== undefined && target.matrices !== undefined)
        target.matrices[instance] = matrices[k];
    }
  }
}

function likelyPairs(
  { a, b }: EnclosingPair["features"],
  axis: string,
  size: number,
  instance: number,
  signed: boolean,
): (i: number, j: number) => boolean {
  if (size <= smallAxis) return () => true;
  const gains = featureGains(a[axis], b[axis], size, instance, instance, signed);
  const likely = new Set<number>();
  for (let j = 0; j < size; j++) {
    const order = Array.from({ length: size }, (_, i) => i).sort(
      (x, y) => gains[y * size + j] - gains[x * size + j],
    );
    for (const i of order.slice(0, likeliest)) likely.add(i * size + j);
  }
  return (i, j) => likely.has(i * size + j);
}

interface Slices {
  readonly problem: MatchProblem;
  readonly weights: readonly number[];
  readonly read: (side: "a" | "b", part: number, instance: number, index: number) => Dense;
}

/** The problem inside one index: every part that has the axis, without it; other axes count as fixed. */
async function slicesOf(
  problem: MatchProblem,
  a: PartReader,
  b: PartReader,
  weights: readonly number[],
  element: GroupElement,
  axis: string,
  inner: readonly string[],
): Promise<Slices> {
  const parts: MatchPart[] = [];
  const partWeights: number[] = [];
  const sources: { dims: readonly PartDim[]; dim: number; a: Dense; b: Dense }[] = [];
  const move = partAction(problem.axes, element);
  for (const [index, { name, dims }] of problem.parts.entries()) {
    if (weights[index] === 0 || !dims.some((d) => d.axis === axis)) continue;
    const left = await a(index);
    const right = move(dims, await b(index));
    for (const [dim, d] of dims.entries()) {
      if (d.axis !== axis) continue;
      parts.push({ name: `${name}/${dim}`, dims: innerDims(dims, dim, inner) });
      partWeights.push(weights[index]);
      sources.push({ dims, dim, a: left, b: right });
    }
  }
  const axes = Object.fromEntries(
    inner.map((name): [string, Axis] => {
      const { within, ...rest } = problem.axes[name];
      return [name, within === axis || within === undefined ? rest : { ...rest, within }];
    }),
  );
  const read: Slices["read"] = (side, part, instance, index) => {
    const { dims, dim, ...both } = sources[part];
    return sliceAt(both[side], dims, dim, instance, index);
  };
  return { problem: { axes, parts }, weights: partWeights, read };
}

/** Dimensions of a part without `dim` and what encloses it; only axes inside `dim` stay moving. */
function innerDims(dims: readonly PartDim[], dim: number, inner: readonly string[]): PartDim[] {
  const removed = [...parentsOf(dims, dim), dim];
  const kept = dims.map((_, at) => at).filter((at) => !removed.includes(at));
  return kept.map((at): PartDim => {
    const { axis, parent } = dims[at];
    const inside = parentsOf(dims, at).includes(dim) && axis !== null && inner.includes(axis);
    return {
      ...dims[at],
      axis: inside ? axis : null,
      parent: !inside || parent === null || removed.includes(parent) ? null : kept.indexOf(parent),
    };
  });
}

/** The slice at `index` of dimension `dim` and at `instance` of what encloses it. */
function sliceAt(
  { sizes, data }: Dense,
  dims: readonly PartDim[],
  dim: number,
  instance: number,
  index: number,
): Dense {
  const fixed = new Map([[dim, index]]);
  let rest = instance;
  for (const at of parentsOf(dims, dim).toReversed()) {
    fixed.set(at, rest % sizes[at]);
    rest = Math.floor(rest / sizes[at]);
  }
  const keptSizes = sizes.filter((_, at) => !fixed.has(at));
  const count = keptSizes.reduce((product, size) => product * size, 1);
  const target = data instanceof Float64Array ? new Float64Array(count) : new Float32Array(count);
  let next = 0;
  const visit = (at: number, flat: number): void => {
    if (at === sizes.length) {
      target[next++] = data[flat];
      return;
    }
    const only = fixed.get(at);
    if (only !== undefined) return visit(at + 1, flat * sizes[at] + only);
    for (let i = 0; i < sizes[at]; i++) visit(at + 1, flat * sizes[at] + i);
  };
  visit(0, 0);
  return { sizes: keptSizes, data: target };
}
