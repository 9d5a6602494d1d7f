// Axes that are one factor for every index of another: both sides get the same norm, and the sign is that of an odd moment.

import type { GroupElement } from "../../symmetry/element.ts";
import type { PartDim } from "../../symmetry/parts.ts";
import { isFactor } from "../../symmetry/types.ts";
import { parentsOf, lanesOf, type Dense } from "../../symmetry/dense.ts";
import type { MatchProblem } from "../problem.ts";

/** Sums over the entries of every index on one side. */
export interface FactorSums {
  readonly squares: Float64Array;
  /** Sums of x |x|. */
  readonly odd: Float64Array;
  /** Entries of one index. */
  entries: number;
}

/** Sums of no entries yet, for so many instances of an axis. */
export const factorSums = (instances: number): FactorSums => ({
  squares: new Float64Array(instances),
  odd: new Float64Array(instances),
  entries: 0,
});

/** Whether nothing but the factor itself can flip the sign of a part. */
export const keepsSigns = ({ axes }: MatchProblem, dims: readonly PartDim[]): boolean =>
  dims.every(({ axis }) => {
    if (axis === null) return true;
    return axes[axis].group === "general-linear"
      ? isFactor(axes[axis])
      : axes[axis].scale !== "sign";
  });

/** Adds the entries of a part whose dimension `dim` is the factor; odd moments only where signs are kept. */
export function addFactorSums(
  sums: FactorSums,
  dims: readonly PartDim[],
  { sizes, data }: Dense,
  dim: number,
  signed: boolean,
): void {
  const { squares, odd } = sums;
  sums.entries += data.length / squares.length;
  const { outer, inner, outerInstance, innerInstance } = lanesOf(sizes, dim, parentsOf(dims, dim));
  for (let o = 0; o < outer; o++) {
    for (let n = 0; n < inner; n++) {
      const at = (outerInstance?.[o] ?? 0) + (innerInstance?.[n] ?? 0);
      const x = data[o * inner + n];
      squares[at] += x * x;
      if (signed) odd[at] += x * Math.abs(x);
    }
  }
}

/** Moments below this share of the squares are rounding. */
const minMoment = 1e-9;

/** A side that has this many times fewer entries than the other alone sets the factor: a gain that is small is not divided by. */
const muchFewer = 4;

/**
 * The factor s of every index with s^2 A = B / s^2, for squares A and B of both sides, so that the odd moment is positive.
 * Where one side has far fewer entries or the other is zero, it gets norm 1. Factors whose sign nothing tells are counted.
 */
export function balanceFactors(
  { permutations }: GroupElement[string],
  direct: FactorSums,
  inverse: FactorSums,
): { action: GroupElement[string]; singular: number } {
  let singular = 0;
  const signOf = (at: number): number => {
    for (const { odd, squares } of byInverse ? [inverse, direct] : [direct, inverse])
      if (Math.abs(odd[at]) > minMoment * squares[at]) return Math.sign(odd[at]);
    return 0;
  };
  const isEven =
    direct.entries < muchFewer * inverse.entries && inverse.entries < muchFewer * direct.entries;
  const byInverse = inverse.entries < direct.entries;
  const sizeOf = (a: number, b: number): number => {
    if (b > 0 && (byInverse || a === 0)) return Math.sqrt(b);
    return a > 0 ? 1 / Math.sqrt(a) : 1;
  };
  const matrices = permutations.map((_, at) => {
    const [a, b] = [direct.squares[at], inverse.squares[at]];
    const sign = signOf(at);
    if (sign === 0) singular++;
    const size = isEven && a > 0 && b > 0 ? (b / a) ** 0.25 : sizeOf(a, b);
    return [sign < 0 ? -size : size];
  });
  return { action: { permutations, matrices }, singular };
}

/** The problem that is left when all factors are set: their dimensions are blocks of one entry. */
export function withoutFactors<P extends MatchProblem>(problem: P): P {
  const isSet = (axis: string | null) => axis !== null && isFactor(problem.axes[axis]);
  if (!Object.keys(problem.axes).some(isSet)) return problem;
  const axes = Object.fromEntries(Object.entries(problem.axes).filter(([name]) => !isSet(name)));
  const parts = problem.parts.map(({ name, dims }) => ({
    name,
    dims: dims.map((dim) => (isSet(dim.axis) ? { ...dim, axis: null, parent: null } : dim)),
  }));
  return { ...problem, axes, parts };
}
