// One row of a zoo's table: how a network was trained and how well it does.

import type { HyperParameters } from "./recipe.ts";

export interface Run extends HyperParameters {
  /** Position in the zoo, from 0. */
  readonly index: number;
  /** Mean cross-entropy in nats on the network's own training images and labels, wrong ones included. */
  readonly trainLoss: number;
  readonly testLoss: number;
  /** Share of the test images classified rightly. */
  readonly testAccuracy: number;
  /** False when a weight is NaN or infinite: training diverged. */
  readonly finite: boolean;
}

/** Columns of the table, in order, with their Parquet types. `shard` names the file that holds the weights. */
export const runColumns = {
  index: "INT32",
  shard: "STRING",
  optimizer: "STRING",
  learningRate: "DOUBLE",
  initialScale: "DOUBLE",
  weightDecay: "DOUBLE",
  labelNoise: "DOUBLE",
  dataFraction: "DOUBLE",
  steps: "INT32",
  trainLoss: "DOUBLE",
  testLoss: "DOUBLE",
  testAccuracy: "DOUBLE",
  finite: "BOOLEAN",
} as const;

/** A row of the table: a run and the shard that holds its weights. */
export interface ZooRow extends Run {
  readonly shard: string;
}
