// Waiting for the outputs of one computation (docs/decisions/10).

import { blockUntilReady, type numpy as np } from "@jax-js/jax";

/**
 * Waits until arrays that were made together are computed. They share what is pending: the first one settles it, while
 * waiting for all at once would walk it once for each. @keeps arrays
 */
export async function settle(arrays: readonly np.Array[]): Promise<void> {
  if (arrays.length === 0) return;
  await blockUntilReady(arrays[0]);
  await blockUntilReady([...arrays]);
}
