// What a functional predicts and by which objective it is learned. By default targets in [0, 1] are learned as they are, by
// cross-entropy, and all others standardised by the mean and the standard deviation of the training networks, by squared error.

import { accuracyTarget, type MetricInfo } from "../core/metric-info.ts";
import type { WeightDataset } from "./dataset.ts";
import { OptionError } from "../core/errors.ts";
import type { Objective } from "./measures/objective.ts";
import {
  binaryCrossEntropy,
  meanSquaredError,
  objectiveNamed,
  shareSquaredError,
  softmaxCrossEntropy,
} from "./measures/objectives.ts";

/** A target and how it is learned; plain data, kept in checkpoints. */
export interface Target {
  readonly name: string;
  readonly unit: string;
  /** What it is, in a few words. */
  readonly summary: string;
  /** The name of the objective by which it is learned. */
  readonly loss: string;
  /** Subtracted from targets before training; 0 where the objective takes them as they are. */
  readonly mean: number;
  /** It is one of so many classes, learned as one-hot rows. @default it is one number */
  readonly classes?: number;
  /** It is so many numbers in [0, 1], learned as they are. @default one number */
  readonly values?: number;
  /** Results keep these numbers and not their mean squared error. @default false */
  readonly keepsValues?: boolean;
  /** Targets are divided by it before training; 1 where the objective takes them as they are. */
  readonly std: number;
}

/**
 * How the target of a training set is learned: by the objective that is asked for, else the target's own, else that of its
 * range.
 * @throws {OptionError} when the objective is not known, or the targets are not of the kind it is for
 */
export function fitTarget(
  { target = accuracyTarget, targets }: Pick<WeightDataset, "target" | "targets">,
  requested?: string,
): Target {
  const { name, unit, summary, range, classes, values, keepsValues } = target;
  const isShare = range !== undefined && range[0] >= 0 && range[1] <= 1;
  const ofNumber = isShare ? binaryCrossEntropy : meanSquaredError;
  const ofOne = classes === undefined ? ofNumber : softmaxCrossEntropy;
  const fallback = values === undefined ? ofOne : shareSquaredError;
  const chosen = requested ?? target.objective;
  const objective = chosen === undefined ? fallback : objectiveNamed(chosen);
  const about = {
    name,
    unit,
    summary,
    loss: objective.name,
    ...(classes !== undefined && { classes }),
    ...(values !== undefined && { values }),
    ...(keepsValues === true && { keepsValues }),
  };
  if (objective.targets === "share" && !isShare && targets.some((value) => !isBetween(value)))
    throw new OptionError(
      `fitTarget: objective "${objective.name}" expected targets in [0, 1], but "${name}" has others; choose mean-squared-error`,
    );
  if (objective.targets === "class" && classes === undefined)
    throw new OptionError(
      `fitTarget: objective "${objective.name}" expected the probabilities of classes, but "${name}" is one number a network; choose another objective`,
    );
  if (objective.targets !== "class" && classes !== undefined)
    throw new OptionError(
      `fitTarget: "${name}" is one of ${classes} classes, but objective "${objective.name}" expected numbers; choose softmax-cross-entropy`,
    );
  if (objective.targets !== "number") return { ...about, mean: 0, std: 1 };
  const mean = targets.reduce((sum, value) => sum + value, 0) / targets.length;
  const variance = targets.reduce((sum, value) => sum + (value - mean) ** 2, 0) / targets.length;
  const std = Math.sqrt(variance) || 1;
  return { ...about, mean, std };
}

const isBetween = (value: number): boolean => value >= 0 && value <= 1;

/** The objective by which a target is learned. @throws {OptionError} when it is not known */
export const objectiveOf = ({ loss }: Target): Objective => objectiveNamed(loss);

/**
 * Values of a metric as targets of a functional: [size], or for classes one-hot [size, classes].
 * @throws {OptionError} for a value that is no class
 */
export function targetsOf(values: readonly number[], { name, classes }: MetricInfo): Float32Array {
  if (classes === undefined) return Float32Array.from(values);
  const targets = new Float32Array(values.length * classes);
  for (const [network, value] of values.entries()) {
    if (!(Number.isInteger(value) && value >= 0 && value < classes))
      throw new OptionError(
        `targetsOf: "${name}" of network ${network} is ${value}, expected a class from 0 to ${classes - 1}`,
      );
    targets[network * classes + value] = 1;
  }
  return targets;
}

/** Whether predictions are scores of which only the order means something. */
export const predictsScores = (target: Target): boolean => objectiveOf(target).targets === "order";

/** The dataset with its targets as they are learned. */
export function scaleTargets<Data extends Pick<WeightDataset, "targets">>(
  dataset: Data,
  { mean, std }: Target,
): Data {
  if (mean === 0 && std === 1) return dataset;
  return { ...dataset, targets: dataset.targets.map((value) => (value - mean) / std) };
}

/** Raw outputs of a model as predictions of the target, in its own unit; scores where only the order was learned. */
export function predictionsOf(outputs: Float32Array, width: number, target: Target): Float32Array {
  const linked = objectiveOf(target).link(outputs, width);
  const { mean, std } = target;
  return mean === 0 && std === 1 ? linked : linked.map((value) => mean + std * value);
}
