// The matrix products of a plan: features side by side, times coefficients.

import { numpy as np } from "@jax-js/jax";
import { concatenateAll } from "../pointwise/concatenate.ts";
import { sliceAlong } from "../pack.ts";

/** Features of at least so many columns are multiplied by themselves: joining them would only copy them. */
const wide = 32;

/** Neighbouring features that are multiplied as one matrix, and how many of its columns are theirs. */
export interface ColumnGroup {
  readonly features: readonly number[];
  readonly columns: number;
}

/** How features of these many columns are joined: wide ones stay alone, narrow neighbours go together. */
export function groupColumns(columns: readonly number[]): ColumnGroup[] {
  const groups: number[][] = [];
  for (const [i, width] of columns.entries()) {
    const alone = width >= wide || (i > 0 && columns[i - 1] >= wide);
    if (i === 0 || alone) groups.push([i]);
    else groups[groups.length - 1].push(i);
  }
  return groups.map((features) => ({
    features,
    columns: features.reduce((sum, i) => sum + columns[i], 0),
  }));
}

/** Columns of a run's matrix: only for multiples of 4 the engine works on vectors. */
const filledUp = (columns: number) => Math.ceil(columns / 4) * 4;

/**
 * Features [batch, ...slots, columns] in order as one matrix [batch * slots, columns] a group, with columns of zeros at the
 * end up to a multiple of 4. @consumes
 */
export function sideBySide(features: readonly np.Array[]): np.Array[] {
  const last = features[0].ndim - 1;
  return groupColumns(features.map(({ shape }) => shape[last])).map((group) => {
    const ofGroup = group.features.map((i) => features[i]);
    const missing = filledUp(group.columns) - group.columns;
    const zeros = missing === 0 ? [] : [np.zeros([...ofGroup[0].shape.slice(0, -1), missing])];
    const joined = concatenateAll([...ofGroup, ...zeros], last);
    return np.reshape(joined, [-1, joined.shape[last]]);
  });
}

/** The rows of a coefficient matrix that belong to every group, with rows of zeros where the group has columns of zeros. @consumes */
export function splitRows(matrix: np.Array, groups: readonly ColumnGroup[]): np.Array[] {
  let from = 0;
  const parts = groups.map(({ columns }) => {
    const rows = sliceAlong(matrix.ref, 0, from, columns);
    from += columns;
    return columns === filledUp(columns)
      ? rows
      : np.pad(rows, [
          [0, filledUp(columns) - columns],
          [0, 0],
        ]);
  });
  matrix.dispose();
  return parts;
}

/** All features, group by group, times the matrix: [batch * slots, outputs]. @consumes */
export function multiplyAll(features: readonly np.Array[], matrix: np.Array): np.Array {
  const last = features[0].ndim - 1;
  const groups = groupColumns(features.map(({ shape }) => shape[last]));
  const parts = splitRows(matrix, groups);
  return sideBySide(features)
    .map((x, i) => multiply(x, parts[i]))
    .reduce((sum, product) => np.add(sum, product));
}

/**
 * A matrix product plus a row of zeros that depends on the matrix. The row gives the product's gradient a second reader,
 * for which the compiler stores it; with one reader it would add up the gradients of all slices of the product again for
 * every number of the matrix's gradient, a hundred times the work. @consumes
 */
function multiply(x: np.Array, matrix: np.Array): np.Array {
  const zeros = np.multiply(sliceAlong(matrix.ref, 0, 0, 1), 0); // [1, outputs]
  return np.add(np.matmul(x, matrix), zeros);
}
