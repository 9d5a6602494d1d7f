// Numbers that say how good predictions are, computed on the host in float64; larger is better.

import { ShapeError } from "../../core/errors.ts";

/** How well predictions agree with the truth; larger is better, NaN when undefined. */
export type Metric = (predicted: ArrayLike<number>, actual: ArrayLike<number>) => number;

/** Position of the largest number of a row; the first of equal ones. */
function largestOf(values: ArrayLike<number>, start: number, width: number): number {
  let best = 0;
  for (let i = 1; i < width; i++) if (values[start + i] > values[start + best]) best = i;
  return best;
}

/**
 * Share of rows [rows, classes] whose largest prediction is where the largest target is: top-1 accuracy, in [0, 1].
 * @throws {ShapeError} when the lists are empty, of different lengths or no rows of so many classes
 */
export const classAccuracy =
  (classes: number): Metric =>
  (predicted, actual) => {
    if (predicted.length !== actual.length || actual.length === 0 || actual.length % classes !== 0)
      throw new ShapeError(
        `classAccuracy: expected two lists of as many rows of ${classes} numbers, got ${predicted.length} and ${actual.length} numbers`,
      );
    let right = 0;
    for (let start = 0; start < actual.length; start += classes)
      if (largestOf(predicted, start, classes) === largestOf(actual, start, classes)) right++;
    return (right * classes) / actual.length;
  };

/** Mean squared errors of rows [rows, width]: one number a row. @throws {ShapeError} when the lists are of different lengths or no such rows */
export function squaredErrors(
  predicted: ArrayLike<number>,
  actual: ArrayLike<number>,
  width: number,
): number[] {
  if (predicted.length !== actual.length || actual.length === 0 || actual.length % width !== 0)
    throw new ShapeError(
      `squaredErrors: expected two lists of as many rows of ${width} numbers, got ${predicted.length} and ${actual.length} numbers`,
    );
  return Array.from({ length: actual.length / width }, (_, row) => {
    let sum = 0;
    for (let i = row * width; i < (row + 1) * width; i++) sum += (predicted[i] - actual[i]) ** 2;
    return sum / width;
  });
}

/** Mean squared error with its sign turned, so that larger is better. @throws {ShapeError} for lists of different lengths */
export const negativeSquaredError: Metric = (predicted, actual) =>
  -squaredErrors(predicted, actual, actual.length)[0];

/**
 * Coefficient of determination, 1 - residual / total sum of squares: 1 is perfect, 0 is no better than the mean of
 * `actual`, below 0 is worse. NaN for fewer than two values or a constant `actual`.
 */
export function rSquared(predicted: ArrayLike<number>, actual: ArrayLike<number>): number {
  if (predicted.length !== actual.length) {
    throw new ShapeError(
      `rSquared: expected two lists of one length, got ${predicted.length} and ${actual.length}`,
    );
  }
  const truth = Array.from(actual);
  const mean = truth.reduce((sum, value) => sum + value, 0) / truth.length;
  const total = truth.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const residual = truth.reduce((sum, value, i) => sum + (value - predicted[i]) ** 2, 0);
  return total > 0 ? 1 - residual / total : Number.NaN;
}

/** Mean and standard deviation of one number over repeated runs. */
export interface MeanAndStd {
  readonly mean: number;
  /** Sample standard deviation (divisor n - 1); NaN for a single run. */
  readonly std: number;
  readonly count: number;
}

/** Mean, sample standard deviation and count, for results over seeds. NaN mean for no values. */
export function meanAndStd(values: ArrayLike<number>): MeanAndStd {
  const list = Array.from(values);
  const count = list.length;
  const mean = list.reduce((sum, value) => sum + value, 0) / count;
  const squares = list.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: count > 1 ? Math.sqrt(squares / (count - 1)) : Number.NaN, count };
}
