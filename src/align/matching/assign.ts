// The linear assignment problem (Kuhn 1955, Munkres 1957), solved by the munkres package behind a check of its input.

import { munkres } from "munkres";
import { OptionError } from "../../core/errors.ts";

/**
 * The one-to-one pairing of largest total gain: `assignment[column] = row` for a square matrix `gains` [size, size], row-major.
 * @throws {OptionError} when an entry is NaN or infinite: the solver would return a wrong pairing without a word.
 */
export function assignBest(gains: Float64Array, size: number): number[] {
  const costs = Array.from({ length: size }, (_, row) => {
    const costRow = new Float64Array(size);
    for (let column = 0; column < size; column++) {
      const gain = gains[row * size + column];
      if (!Number.isFinite(gain)) {
        throw new OptionError(
          `assignBest: entry (${row}, ${column}) is ${gain}, expected finite numbers; look for NaN or overflow in the weights`,
        );
      }
      costRow[column] = -gain;
    }
    return costRow;
  });
  const assignment = Array.from({ length: size }, () => 0);
  for (const [row, column] of munkres(costs)) assignment[column] = row;
  return assignment;
}
