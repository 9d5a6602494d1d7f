// One row of a zoo's table: a network, how it was trained and how well it does.

import type { Evaluation } from "../tasks/task.ts";
import type { HyperParameters } from "./recipe.ts";

export interface Run extends HyperParameters, Evaluation {
  /** Position of the network in the zoo, from 0. */
  readonly index: number;
  /** The training run it comes from; networks of one run must not be split between training and test. */
  readonly run: number;
  /** Which of the run's checkpoints it is, from 0. */
  readonly checkpoint: number;
  /** Steps after which it was kept, `steps` at most. */
  readonly step: number;
  /** False when a weight is NaN or infinite: training diverged. */
  readonly finite: boolean;
}

/** Columns of the table, in order, with their Parquet types. `shard` names the file that holds the weights. */
export const runColumns = {
  index: "INT32",
  run: "INT32",
  checkpoint: "INT32",
  shard: "STRING",
  optimizer: "STRING",
  learningRate: "DOUBLE",
  initialScale: "DOUBLE",
  weightDecay: "DOUBLE",
  labelNoise: "DOUBLE",
  dataFraction: "DOUBLE",
  steps: "INT32",
  batch: "INT32",
  step: "INT32",
  trainLoss: "DOUBLE",
  testLoss: "DOUBLE",
  testAccuracy: "DOUBLE",
  finite: "BOOLEAN",
} as const;

/** A row of the table: a run and the shard that holds its weights. */
export interface ZooRow extends Run {
  readonly shard: string;
}
