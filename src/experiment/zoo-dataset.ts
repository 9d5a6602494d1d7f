// A population as training data: the weights of its networks and one number per network to predict.

import { OptionError } from "../core/errors.ts";
import type { WeightDataset } from "../train/dataset.ts";
import type { Zoo } from "../zoo/open.ts";

export interface ZooDataset extends WeightDataset {
  /** Index in the zoo of every network of the dataset. */
  readonly indices: readonly number[];
  /** Networks left out because their weights are not finite. */
  readonly skipped: readonly number[];
}

/**
 * All readable networks with finite weights; the target is the accuracy on held-out data, in [0, 1].
 * @throws {OptionError} when the zoo has none.
 */
export async function zooDataset(zoo: Zoo): Promise<ZooDataset> {
  const rows = zoo.rows.filter(({ finite }) => finite);
  if (rows.length === 0)
    throw new OptionError("zooDataset: the zoo has no network that can be used; build it first");
  const indices = rows.map(({ index }) => index);
  const stacks = await zoo.readWeights(indices);
  const tensors = Object.entries(stacks).map(
    ([name, { shape, data }]) => [name, { shape: shape.slice(1), data }] as const,
  );
  return {
    spec: zoo.manifest.spec,
    size: rows.length,
    tensors: Object.fromEntries(tensors),
    targets: Float32Array.from(rows, ({ testAccuracy }) => testAccuracy),
    indices,
    skipped: zoo.rows.filter(({ finite }) => !finite).map(({ index }) => index),
  };
}
