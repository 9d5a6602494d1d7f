// A population as training data: the weights of its networks and one number per network to predict.

import { FormatError, OptionError } from "../core/errors.ts";
import type { WeightDataset } from "../train/dataset.ts";
import { targetsOf } from "../train/target.ts";
import type { MetricInfo } from "../core/metric-info.ts";
import type { Zoo } from "./open.ts";
import type { ZooRow } from "./training/run.ts";
import { checkpointsOf } from "./recipe.ts";

/** A zoo as training data, with what was left out. */
export interface ZooDataset extends WeightDataset {
  /** What the targets are. */
  readonly target: MetricInfo;
  /** Index in the zoo of every network of the dataset. */
  readonly indices: readonly number[];
  /** The training run of every network: networks of one run belong on the same side of a split. */
  readonly groups: readonly number[];
  /** Networks of those asked for left out because their weights or targets are not finite. */
  readonly skipped: readonly number[];
  /** Networks of those asked for left out because their shards are damaged; empty unless `allowDamaged`. */
  readonly damaged: readonly number[];
}

/** Which networks of a zoo are read. */
export interface ZooDatasetOptions {
  /** The metric to predict, by name. @default the zoo's target, the accuracy on held-out data for classifiers */
  readonly target?: string | undefined;
  /** Which checkpoints of every run: the last, all, or these numbers (from 0). @default "last" */
  readonly checkpoints?: "last" | "all" | readonly number[];
  /** Leave networks of damaged shards out, counted in `damaged`, instead of refusing the zoo. @default false */
  readonly allowDamaged?: boolean;
}

/**
 * The readable networks with finite weights and a finite target.
 * @throws {OptionError} when the zoo has none, no such target, or no checkpoint of a number that is asked for; {FormatError}
 * when shards are damaged, unless they are allowed to be.
 */
export async function zooDataset(
  zoo: Zoo,
  { checkpoints = "last", allowDamaged = false, target: name }: ZooDatasetOptions = {},
): Promise<ZooDataset> {
  const target = wantedTarget(zoo, name);
  const numbers = wantedCheckpoints(zoo, checkpoints);
  const lost = zoo.damaged.reduce((sum, { count }) => sum + count, 0) * numbers.length;
  if (lost > 0 && !allowDamaged) throw damageError(zoo, numbers.length, lost);
  const wanted = zoo.rows.filter(({ checkpoint }) => numbers.includes(checkpoint));
  const isUsable = ({ finite, metrics }: ZooRow) => finite && Number.isFinite(metrics[target.name]);
  const rows = wanted.filter(isUsable);
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
    targets: targetsOf(
      rows.map(({ metrics }) => metrics[target.name]),
      target,
    ),
    target,
    indices,
    groups: rows.map(({ run }) => run),
    stages: rows.map(({ checkpoint }) => checkpoint),
    cues: {
      "training step": rows.map(({ step }) => step),
      ...(target.name !== "trainLoss" &&
        zoo.manifest.metrics.some(({ name: one }) => one === "trainLoss") && {
          "training loss": rows.map(({ metrics }) => metrics["trainLoss"]),
        }),
    },
    skipped: wanted.filter((row) => !isUsable(row)).map(({ index }) => index),
    damaged: damagedNetworks(zoo, numbers),
  };
}

/** The metric asked for. @throws {OptionError} listing the metrics there are */
function wantedTarget({ manifest }: Zoo, name: string = manifest.target): MetricInfo {
  const found = manifest.metrics.find((metric) => metric.name === name);
  if (found !== undefined) return found;
  throw new OptionError(
    `zooDataset: the networks were not measured by ${JSON.stringify(name)}; expected a target of ${manifest.metrics.map((metric) => metric.name).join(", ")}`,
  );
}

/** The numbers of the checkpoints asked for. */
function wantedCheckpoints(
  { manifest }: Zoo,
  checkpoints: "last" | "all" | readonly number[],
): readonly number[] {
  const count = checkpointsOf(manifest.recipe);
  if (checkpoints === "all") return Array.from({ length: count }, (_, number) => number);
  const numbers = checkpoints === "last" ? [count - 1] : checkpoints;
  const wrong = numbers.find((n) => !Number.isInteger(n) || n < 0 || n >= count);
  if (wrong !== undefined || numbers.length === 0)
    throw new OptionError(
      `zooDataset: checkpoints must be "last", "all" or numbers from 0 to ${count - 1}, got ${wrong ?? "none"}`,
    );
  return numbers;
}

/** Indices of the networks that damaged shards were planned to hold. */
function damagedNetworks({ manifest, damaged }: Zoo, numbers: readonly number[]): number[] {
  const count = checkpointsOf(manifest.recipe);
  const ordered = numbers.toSorted((a, b) => a - b);
  return damaged.flatMap(({ from, count: runs }) =>
    Array.from({ length: runs }, (_, run) =>
      ordered.map((number) => (from + run) * count + number),
    ).flat(),
  );
}

const maxProblems = 3;

function damageError({ manifest, problems }: Zoo, checkpoints: number, lost: number): FormatError {
  const planned = manifest.networks * checkpoints;
  const shown = problems.slice(0, maxProblems).map(({ message }) => message);
  if (problems.length > maxProblems) shown.push(`and ${problems.length - maxProblems} more`);
  const shards =
    problems.length === 1 ? "1 shard is damaged" : `${problems.length} shards are damaged`;
  return new FormatError(
    `zooDataset: ${shards}, so ${lost} of ${planned} networks cannot be read; build the zoo again with the options it was built with, which trains only these anew, or allow damage (--allow-damaged, \`allowDamaged\`) to go on without them (${shown.join("; ")})`,
  );
}
