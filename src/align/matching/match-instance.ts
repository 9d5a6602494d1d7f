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
  const permutation = assignBest(signed ? gains.map(Math.abs) : gains, size);
  return orStaying({
    permutation,
    matched: permutation.map((row, column) => gains[row * size + column]),
    stay: permutation.map((_, i) => gains[i * size + i]),
    signed,
  });
}

/** A permutation with the gains of its pairs, or that of staying where nothing is won; with signs where they may flip. */
export function orStaying({
  permutation,
  matched,
  stay,
  signed,
}: {
  readonly permutation: readonly number[];
  readonly matched: readonly number[];
  readonly stay: readonly number[];
  readonly signed: boolean;
}): Pairing {
  const sum = (gains: readonly number[]) =>
    gains.reduce((total, gain) => total + (signed ? Math.abs(gain) : gain), 0);
  const magnitude = stay.reduce((total, gain) => total + Math.abs(gain), 0);
  const moves = sum(matched) > sum(stay) + 1e-9 * magnitude;
  const chosen = moves ? permutation : permutation.map((_, i) => i);
  if (!signed) return { permutation: chosen };
  return {
    permutation: chosen,
    signs: (moves ? matched : stay).map((gain) => (gain < 0 ? -1 : 1)),
  };
}

/**
 * The orthogonal matrix M of largest trace of M^T G, row-major (Schoenemann 1966); `gains` G is [size of a, size of b]. The identity
 * where nothing speaks for any.
 */
export function bestRotation(gains: Float64Array, size: number): number[] {
  if (gains.every((gain) => gain === 0)) return Matrix.identity(size).to1DArray();
  const svd = new SingularValueDecomposition(Matrix.from1DArray(size, size, gains), {
    autoTranspose: true,
  });
  return svd.leftSingularVectors.mmul(svd.rightSingularVectors.transpose()).to1DArray();
}
