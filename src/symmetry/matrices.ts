// The few dense matrix routines that general-linear axes need; matrices are row-major number arrays of size x size.

import { OptionError } from "../core/errors.ts";
import type { RandomStream } from "../core/random.ts";

export function identityMatrix(size: number): number[] {
  return Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
}

export function multiplyMatrices(
  a: readonly number[],
  b: readonly number[],
  size: number,
): number[] {
  const product = Array.from({ length: a.length }, () => 0);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      const factor = a[i * size + k];
      for (let j = 0; j < size; j++) product[i * size + j] += factor * b[k * size + j];
    }
  }
  return product;
}

export function transposeMatrix(a: readonly number[], size: number): number[] {
  return a.map((_, at) => a[(at % size) * size + Math.floor(at / size)]);
}

/** Gauss-Jordan with partial pivoting. @throws {OptionError} when the matrix is singular. */
export function invertMatrix(a: readonly number[], size: number): number[] {
  const left = Float64Array.from(a);
  const right = Float64Array.from(identityMatrix(size));
  const combine = (m: Float64Array, target: number, source: number, factor: number) => {
    for (let j = 0; j < size; j++) m[target * size + j] -= factor * m[source * size + j];
  };
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let row = column + 1; row < size; row++) {
      if (Math.abs(left[row * size + column]) > Math.abs(left[pivot * size + column])) pivot = row;
    }
    const value = left[pivot * size + column];
    if (!(Math.abs(value) > 1e-12))
      throw new OptionError(`invertMatrix: the ${size} x ${size} matrix is singular`);
    for (const m of [left, right]) {
      for (let j = 0; j < size; j++) {
        const held = m[pivot * size + j];
        m[pivot * size + j] = m[column * size + j];
        m[column * size + j] = held / value;
      }
    }
    for (let row = 0; row < size; row++) {
      const factor = left[row * size + column];
      if (row === column || factor === 0) continue;
      combine(left, row, column, factor);
      combine(right, row, column, factor);
    }
  }
  return Array.from(right);
}

/**
 * A random matrix with singular values in [1/2, 2]: random rotations (Householder products) around a diagonal; for size 1 a
 * factor of either sign.
 */
export function sampleMatrix(size: number, random: RandomStream): number[] {
  if (size === 1) return [(random.uniform() < 0.5 ? -1 : 1) * 2 ** (2 * random.uniform() - 1)];
  const matrix = Float64Array.from(
    identityMatrix(size).map((entry) => entry * 2 ** (2 * random.uniform() - 1)),
  );
  for (const side of ["left", "right"] as const) {
    for (let round = 0; round < Math.min(size, 4); round++)
      reflect(
        matrix,
        size,
        Array.from({ length: size }, () => random.normal()),
        side,
      );
  }
  return Array.from(matrix);
}

/** Multiplies by the reflection I - 2 v v^T / |v|^2, in place. */
function reflect(
  matrix: Float64Array,
  size: number,
  v: readonly number[],
  side: "left" | "right",
): void {
  const norm = v.reduce((sum, x) => sum + x * x, 0);
  const [row, column] = side === "left" ? [size, 1] : [1, size];
  for (let j = 0; j < size; j++) {
    let along = 0;
    for (let i = 0; i < size; i++) along += v[i] * matrix[i * row + j * column];
    const factor = (2 * along) / norm;
    for (let i = 0; i < size; i++) matrix[i * row + j * column] -= factor * v[i];
  }
}
