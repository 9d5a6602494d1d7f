// How far the products of two layers are apart, and whether rounding in their files, a change of basis, or changed numbers
// explain it.

import type { TensorSource } from "../formats/tensor-source.ts";
import { type Factors, roundoffOf } from "./factors.ts";
import { normOfSum } from "./product.ts";

/** What two layers have in common. */
export type LayerVerdict =
  /** Both factors and the scale, number by number, or after rounding to the coarser of both formats. */
  | "equal"
  /** The product scale * B A, up to rounding; the factors are others. */
  | "product"
  /** Both add nothing. */
  | "zero"
  | "different";

/** Two layers compared by what they add to their weight. */
export interface ProductDifference {
  readonly verdict: LayerVerdict;
  /** Frobenius norms of both products. */
  readonly norms: readonly [number, number];
  /** That of their difference. */
  readonly difference: number;
  /** The difference over the larger norm; 0 where both add nothing. */
  readonly relative: number;
  /** What rounding explains, in the same unit. */
  readonly tolerance: number;
}

/** Rounding moves products by up to half of its bound, as a rule; entries are many. */
const margin = 1.5;
/** However coarse the format: products that are further apart are others. */
const maxTolerance = 0.1;
/** What arithmetic in float32 leaves, as a share of the terms: two ways to one product, and no change of numbers. */
const float32Share = Math.SQRT2 * 2 ** -20;
/** Share of the distance of the factors that their product may keep where a basis explains it. */
const explains = 0.2;
/** A sum of terms below this share of them is rounding of float64. */
const float64Zero = 2 ** -45;

/** The largest difference that rounding explains. */
export const toleranceOf = (
  factors: readonly [Factors, Factors],
  norms: readonly [number, number],
): number =>
  Math.min(
    margin * Math.hypot(factors[0].noise, factors[1].noise),
    maxTolerance * Math.max(norms[0], norms[1]),
  );

/** The norm of a product; 0 where it is a difference of equal terms. */
export function productNorm(factors: Factors): number {
  const norm = normOfSum([{ factors, weight: 1 }]);
  const terms = Math.abs(factors.scale) * frobenius(factors.up.data) * frobenius(factors.down.data);
  return norm <= float64Zero * terms ? 0 : norm;
}

/** Whether both factors hold the same numbers; "rounded" where formats differ and rounding tells them apart. */
export type Sameness = "equal" | "rounded" | "different";

/** Whether the products of two layers of one shape are the same. */
export function productDifference(a: Factors, b: Factors, same: Sameness): ProductDifference {
  const norms = [productNorm(a), productNorm(b)] as const;
  const largest = Math.max(...norms);
  if (largest === 0) {
    const verdict = same === "different" ? "zero" : "equal";
    return { verdict, norms, difference: 0, relative: 0, tolerance: 0 };
  }
  const difference =
    same === "equal"
      ? 0
      : normOfSum([
          { factors: a, weight: 1 },
          { factors: b, weight: -1 },
        ]);
  const tolerance = toleranceOf([a, b], norms) / largest;
  const relative = difference / largest;
  const isArithmetic = difference <= margin * float32Share * Math.hypot(a.terms, b.terms);
  const isNear =
    relative <= tolerance && (isArithmetic || relative <= explains * distanceOfFactors(a, b));
  const verdict = same !== "different" ? "equal" : isNear ? "product" : "different";
  return { verdict, norms, difference, relative, tolerance };
}

/**
 * How far both factors are apart, relatively; infinite for factors of different shapes. Where the product is hardly nearer, numbers
 * were changed, and no basis.
 */
function distanceOfFactors(a: Factors, b: Factors): number {
  if (a.up.columns !== b.up.columns) return Infinity;
  const far = (["up", "down"] as const).map((of) => {
    const [x, y] = [a[of].data, b[of].data];
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += (x[i] - y[i]) ** 2;
    return Math.sqrt(sum) / Math.max(frobenius(x), frobenius(y));
  });
  return Math.hypot(...far, a.scale / b.scale - 1);
}

function frobenius(data: Float64Array): number {
  let sum = 0;
  for (const x of data) sum += x * x;
  return Math.sqrt(sum);
}

/**
 * Whether two tensors hold the same numbers, in whatever shapes; where formats differ, up to one unit in the last place of the
 * coarser one.
 * @returns "rounded" where some are equal only so
 */
export async function sameNumbers(
  a: TensorSource,
  nameA: string,
  b: TensorSource,
  nameB: string,
): Promise<Sameness> {
  const [x, y] = [(await a.read(nameA)).data, (await b.read(nameB)).data];
  if (x.length !== y.length) return "different";
  const [dtypeA, dtypeB] = [a.entries.get(nameA)!.dtype, b.entries.get(nameB)!.dtype];
  const unit = dtypeA === dtypeB ? 0 : 2 * Math.max(roundoffOf(dtypeA), roundoffOf(dtypeB));
  let isRounded = false;
  for (let i = 0; i < x.length; i++) {
    if (x[i] === y[i]) continue;
    const off = Math.abs(x[i] - y[i]);
    if (!(off <= unit * Math.max(Math.abs(x[i]), Math.abs(y[i])) || (unit > 0 && off <= smallest)))
      return "different";
    isRounded = true;
  }
  return isRounded ? "rounded" : "equal";
}

/** The distance of the smallest numbers of F16. */
const smallest = 2 ** -24;
