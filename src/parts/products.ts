// Inner products of all rows of one network with all rows of another: the gains of weight matching. Small ones are plain
// loops; large ones go through the array engine.

import { columnsOf, type RowPair } from "./row-pair.ts";

/** Multiply-adds above which a product is worth the engine's start and transfers. */
const engineFrom = 3e7;

/** Adds the sum over pairs of factor * A B^T to `gains` [size, size]. */
export async function addRowProducts(
  gains: Float64Array,
  pairs: readonly RowPair[],
  size: number,
): Promise<void> {
  const rest = pairs.reduce((sum, pair) => sum + columnsOf(pair)[1] - columnsOf(pair)[0], 0);
  if (size * size * rest >= engineFrom) {
    const { addByEngine } = await import("./engine-products.ts");
    return addByEngine(gains, pairs, size, rest);
  }
  for (const pair of pairs) {
    const { a, b, rest: length, factor } = pair;
    const [begin, end] = columnsOf(pair);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        let sum = 0;
        for (let k = begin; k < end; k++) sum += a[i * length + k] * b[j * length + k];
        gains[i * size + j] += factor * sum;
      }
    }
  }
}
