// The basis in which two Gram matrices, one of vectors and one of covectors, are equal and diagonal.

import { CholeskyDecomposition, EigenvalueDecomposition, Matrix } from "ml-matrix";

/** Eigenvalues below this share of the largest count as 0. */
const smallest = 1e-11;

export interface Balance {
  /** Row-major; undefined when both sides are singular. */
  readonly matrix?: number[];
  /** Whether both sides span the space: then the basis is fixed up to signs (and rotations among equal values). */
  readonly full: boolean;
}

/**
 * M with M A M^T = M^-T B M^-1 = diag(s), s descending: with A = L L^T and L^T B L = W diag(s^2) W^T, M = diag(sqrt s) W^T
 * L^-1. Where one side is singular, the other becomes the identity instead.
 */
export function balance(a: Matrix, b: Matrix): Balance {
  const lowerA = choleskyOf(a);
  if (lowerA !== undefined) {
    const { values, vectors } = descending(lowerA.transpose().mmul(b).mmul(lowerA));
    const last = values[values.length - 1];
    const full = last > smallest * values[0];
    const roots = values.map((value) => (full ? value ** 0.25 : 1));
    const rows = vectors.transpose(); // W^T, scaled below
    for (const [k, root] of roots.entries()) rows.mulRow(k, root);
    return { matrix: solveRight(rows, lowerA).to1DArray(), full };
  }
  const lowerB = choleskyOf(b);
  if (lowerB === undefined) return { full: false };
  const { vectors } = descending(lowerB.transpose().mmul(a).mmul(lowerB));
  const matrix = vectors.transpose().mmul(lowerB.transpose()).to1DArray(); // M^-T = W^T L^-1
  return { matrix, full: false };
}

/** The lower factor of a matrix that is positive definite beyond rounding. */
function choleskyOf(matrix: Matrix): Matrix | undefined {
  const { values } = descending(matrix);
  if (!(values[values.length - 1] > smallest * values[0])) return undefined;
  const cholesky = new CholeskyDecomposition(matrix);
  return cholesky.isPositiveDefinite() ? cholesky.lowerTriangularMatrix : undefined;
}

function descending(symmetric: Matrix): { values: number[]; vectors: Matrix } {
  const eigen = new EigenvalueDecomposition(symmetric, { assumeSymmetric: true });
  const order = eigen.realEigenvalues
    .map((_, k) => k)
    .sort((x, y) => eigen.realEigenvalues[y] - eigen.realEigenvalues[x]);
  return {
    values: order.map((k) => Math.max(0, eigen.realEigenvalues[k])),
    vectors: eigen.eigenvectorMatrix.subMatrixColumn(order),
  };
}

/** X with X L = rows, for lower triangular L, by back substitution. */
function solveRight(rows: Matrix, lower: Matrix): Matrix {
  const size = lower.rows;
  const solved = new Matrix(size, size);
  for (let k = 0; k < size; k++) {
    for (let i = size - 1; i >= 0; i--) {
      let sum = rows.get(k, i);
      for (let j = i + 1; j < size; j++) sum -= solved.get(k, j) * lower.get(j, i);
      solved.set(k, i, sum / lower.get(i, i));
    }
  }
  return solved;
}
