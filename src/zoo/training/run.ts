// One row of a zoo's table: a network, how it was trained and how well it does.

import { OptionError } from "../../core/errors.ts";
import type { MetricInfo } from "../../core/metric-info.ts";
import type { Evaluation } from "../../tasks/task.ts";
import type { HyperParameters } from "../recipe.ts";

/** One trained network of a zoo: its settings and how well it does. */
export interface Run extends HyperParameters {
  /** How well it does: one number for each metric of the task. */
  readonly metrics: Evaluation;
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

type ColumnType = "INT32" | "DOUBLE" | "STRING" | "BOOLEAN";

/** Columns of every table, in order, with their Parquet types; metrics stand before the last one. */
const fixedColumns = {
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
  finite: "BOOLEAN",
} as const;

/**
 * Columns of a table whose networks are measured by these metrics. `shard` names the file that holds the weights.
 * @throws {OptionError} when a metric has the name of another column
 */
export function runColumns(metrics: readonly MetricInfo[]): Readonly<Record<string, ColumnType>> {
  const taken = metrics.find(({ name }) => Object.hasOwn(fixedColumns, name));
  if (taken !== undefined)
    throw new OptionError(
      `runColumns: a metric cannot be called "${taken.name}", which is a column of every table; expected another name`,
    );
  const { finite, ...first } = fixedColumns;
  const measured = metrics.map(({ name }) => [name, "DOUBLE"] as const);
  return { ...first, ...Object.fromEntries(measured), finite };
}

/** A run as a flat row, as shards and tables hold it. */
export function flatRow({ metrics, finite, ...row }: Run): Readonly<Record<string, unknown>> {
  return { ...row, ...metrics, finite };
}

/** The run of a flat row, whose numbers have been checked. */
export function runOfRow(
  row: Readonly<Record<string, unknown>>,
  metrics: readonly MetricInfo[],
): Run {
  const names = new Set(metrics.map(({ name }) => name));
  const entries = Object.entries(row);
  return Object.freeze({
    ...Object.fromEntries(entries.filter(([name]) => !names.has(name))),
    metrics: Object.freeze(Object.fromEntries(entries.filter(([name]) => names.has(name)))),
  }) as unknown as Run;
}

/** A row of the table: a run and the shard that holds its weights. */
export interface ZooRow extends Run {
  readonly shard: string;
}
