// A population as training data: the weights of its networks and one number per network to predict.

import { OptionError } from "../core/errors.ts";
import type { WeightDataset } from "../train/dataset.ts";
import type { Zoo } from "../zoo/open.ts";
import { checkpointsOf } from "../zoo/recipe.ts";
import type { ZooRow } from "../zoo/run.ts";

export interface ZooDataset extends WeightDataset {
  /** Index in the zoo of every network of the dataset. */
  readonly indices: readonly number[];
  /** The training run of every network: networks of one run belong on the same side of a split. */
  readonly groups: readonly number[];
  /** Networks of those asked for left out because their weights are not finite. */
  readonly skipped: readonly number[];
}

export interface ZooDatasetOptions {
  /** Which checkpoints of every run: the last, all, or these numbers (from 0). @default "last" */
  readonly checkpoints?: "last" | "all" | readonly number[];
}

/**
 * The readable networks with finite weights; the target is the accuracy on held-out data, in [0, 1].
 * @throws {OptionError} when the zoo has none, or no checkpoint of a number that is asked for.
 */
export async function zooDataset(
  zoo: Zoo,
  { checkpoints = "last" }: ZooDatasetOptions = {},
): Promise<ZooDataset> {
  const wanted = wantedRows(zoo, checkpoints);
  const rows = wanted.filter(({ finite }) => finite);
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
    groups: rows.map(({ run }) => run),
    stages: rows.map(({ checkpoint }) => checkpoint),
    cues: {
      "training step": rows.map(({ step }) => step),
      "training loss": rows.map(({ trainLoss }) => trainLoss),
    },
    skipped: wanted.filter(({ finite }) => !finite).map(({ index }) => index),
  };
}

function wantedRows(
  { manifest, rows }: Zoo,
  checkpoints: "last" | "all" | readonly number[],
): readonly ZooRow[] {
  if (checkpoints === "all") return rows;
  const count = checkpointsOf(manifest.recipe);
  const numbers = checkpoints === "last" ? [count - 1] : checkpoints;
  const wrong = numbers.find((n) => !Number.isInteger(n) || n < 0 || n >= count);
  if (wrong !== undefined || numbers.length === 0)
    throw new OptionError(
      `zooDataset: checkpoints must be "last", "all" or numbers from 0 to ${count - 1}, got ${wrong ?? "none"}`,
    );
  return rows.filter(({ checkpoint }) => numbers.includes(checkpoint));
}
