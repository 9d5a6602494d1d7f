// A smaller training set whose validation and test networks stay what they were: what learning curves are made of.

import { OptionError } from "../../core/errors.ts";
import { subset, type WeightDataset } from "../../train/dataset.ts";

/**
 * The networks of the first runs of a dataset, whose runs come in random order: a share of the runs, at least one. A smaller share
 * is part of a larger one.
 * @throws {OptionError} when the share is not in (0, 1]
 */
export function takeShare(dataset: WeightDataset, share: number): WeightDataset {
  if (!(share > 0 && share <= 1)) {
    throw new OptionError(
      `experiment: the share of training networks expected a number above 0, at most 1, got ${share}`,
    );
  }
  if (share === 1) return dataset;
  const positions = Array.from({ length: dataset.size }, (_, i) => i);
  const runOf = (i: number) => dataset.groups?.[i] ?? i;
  const runs = [...new Set(positions.map(runOf))];
  const taken = new Set(runs.slice(0, Math.max(1, Math.round(share * runs.length))));
  return subset(
    dataset,
    positions.filter((i) => taken.has(runOf(i))),
  );
}
