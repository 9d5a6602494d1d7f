// The product scale * B A of two thin factors without ever forming it: norms, differences and its singular values, from the QR
// decomposition of both factors. Time grows with (out + in) rank^2, memory with (out + in) rank.

import { Matrix, SVD } from "ml-matrix";
import type { Factors } from "./factors.ts";
import { type Columns, thinQR } from "./thin-qr.ts";

/** A weighted product among several. */
export interface WeightedFactors {
  readonly factors: Factors;
  readonly weight: number;
}

/** The factors of a sum of products, beside each other: rank is the sum of the ranks. The scale is 1. */
export function stackFactors(all: readonly WeightedFactors[]): Pick<Factors, "up" | "down"> {
  const columns = all.reduce((sum, { factors }) => sum + factors.up.columns, 0);
  const side = (of: "up" | "down"): Columns => {
    const { rows } = all[0].factors[of];
    const data = new Float64Array(rows * columns);
    let at = 0;
    for (const { factors, weight } of all) {
      // Both factors get the root of the scale's size, so that neither is far larger than the other.
      const scale = weight * factors.scale;
      const root = Math.sqrt(Math.abs(scale));
      const factor = of === "up" ? Math.sign(scale) * root : root;
      for (const entry of factors[of].data) data[at++] = factor * entry;
    }
    return { rows, columns, data };
  };
  return { up: side("up"), down: side("down") };
}

/** The small matrix between both Q: R_B R_A^T. */
function coreOf({ up, down }: Pick<Factors, "up" | "down">) {
  const [left, right] = [thinQR(up), thinQR(down)];
  const { columns } = up;
  const core = Matrix.zeros(left.size, right.size);
  for (let i = 0; i < left.size; i++)
    for (let j = 0; j < right.size; j++) {
      let sum = 0;
      for (let k = Math.max(i, j); k < columns; k++)
        sum += left.upper[i * columns + k] * right.upper[j * columns + k];
      core.set(i, j, sum);
    }
  return { left, right, core };
}

/** The Frobenius norm of a weighted sum of products. */
export function normOfSum(all: readonly WeightedFactors[]): number {
  return coreOf(stackFactors(all)).core.norm("frobenius");
}

/** A product as U S V^T. */
export interface ThinSVD {
  /** Positive, falling; as many as the product has dimensions that are not rounding. */
  readonly values: Float64Array<ArrayBuffer>;
  /** U [out, values]. */
  readonly left: Columns;
  /** V [in * kernel, values]. */
  readonly right: Columns;
}

/**
 * The singular value decomposition of a weighted sum of products. Singular values below `cutoff` are left out; the sign of
 * each pair of vectors is fixed, so that equal products give equal factors where no two values are equal.
 */
export function thinSVD(all: readonly WeightedFactors[], cutoff: number): ThinSVD {
  const { left, right, core } = coreOf(stackFactors(all));
  const svd = new SVD(core, { autoTranspose: true });
  const found = svd.diagonal;
  const order = found.map((_, i) => i).toSorted((i, j) => found[j] - found[i]);
  const kept = order.filter((i) => found[i] > cutoff);
  const vectors = (of: Matrix, size: number): Columns => ({
    rows: size,
    columns: kept.length,
    data: Float64Array.from(
      kept.flatMap((j) => Array.from({ length: size }, (_, i) => of.get(i, j))),
    ),
  });
  const u = left.timesQ(vectors(svd.leftSingularVectors, left.size));
  const v = right.timesQ(vectors(svd.rightSingularVectors, right.size));
  for (let j = 0; j < kept.length; j++) {
    if (signOf(u, j) >= 0) continue;
    for (const { rows, data } of [u, v])
      for (let i = j * rows; i < (j + 1) * rows; i++) data[i] = -data[i];
  }
  return { values: Float64Array.from(kept, (i) => found[i]), left: u, right: v };
}

/** The sign of a column: that of the sum of cubes, which rounding hardly moves. */
function signOf({ rows, data }: Columns, column: number): number {
  let sum = 0;
  for (let i = column * rows; i < (column + 1) * rows; i++) sum += data[i] ** 3;
  return Math.sign(sum);
}
