// The best change of one instance of an axis, given the inner products of all its indices in both networks.

import { Matrix, SingularValueDecomposition } from "ml-matrix";
import { assignBest } from "./assign.ts";

export interface Pairing {
  /** Where index i of the second network goes. */
  readonly permutation: readonly number[];
  /** Factor on index i of the second network, for axes with sign flips. */
  readonly signs?: readonly number[];
}

/** The permutation (and signs) of largest total gain; ties are settled in favour of staying. `gains` is [size of a, size of b]. */
export function bestPairing(gains: Float64Array, size: number, signed: boolean): Pairing {
  const used = signed ? gains.map(Math.abs) : gains;
  const permutation = assignBest(used, size);
  const total = permutation.reduce((sum, row, column) => sum + used[row * size + column], 0);
  let stay = 0;
  let magnitude = 0;
  for (let i = 0; i < size; i++) {
    stay += used[i * size + i];
    magnitude += Math.abs(used[i * size + i]);
  }
  const chosen = total > stay + 1e-9 * magnitude ? permutation : permutation.map((_, i) => i);
  if (!signed) return { permutation: chosen };
  const signs = chosen.map((row, column) => (gains[row * size + column] < 0 ? -1 : 1));
  return { permutation: chosen, signs };
}

/** The orthogonal matrix M of largest trace of M^T G, row-major (Schoenemann 1966); `gains` G is [size of a, size of b]. */
export function bestRotation(gains: Float64Array, size: number): number[] {
  const svd = new SingularValueDecomposition(Matrix.from1DArray(size, size, gains), {
    autoTranspose: true,
  });
  return svd.leftSingularVectors.mmul(svd.rightSingularVectors.transpose()).to1DArray();
}
