// What a functional predicts: targets in [0, 1] as they are, by cross-entropy; all others standardised by the mean and the
// standard deviation of the training networks, by squared error.

import type { MetricInfo } from "../core/metric-info.ts";
import type { WeightDataset } from "./dataset.ts";
import { binaryCrossEntropy, type Loss, meanSquaredError } from "./measures/losses.ts";

/** A target and how it is learned; plain data, kept in checkpoints. */
export interface Target {
  readonly name: string;
  readonly unit: string;
  /** What it is, in a few words. */
  readonly summary: string;
  readonly loss: "binary-cross-entropy" | "mean-squared-error";
  /** Subtracted from targets before training; 0 for cross-entropy. */
  readonly mean: number;
  /** Targets are divided by it before training; 1 for cross-entropy. */
  readonly std: number;
}

/** The accuracy of classifiers on test data: the target of datasets that name none. */
export const accuracyTarget: MetricInfo = Object.freeze<MetricInfo>({
  name: "testAccuracy",
  unit: "",
  summary: "test accuracy",
  better: "higher",
  range: [0, 1],
});

/** How the target of a training set is learned. */
export function fitTarget({ target = accuracyTarget, targets }: WeightDataset): Target {
  const { name, unit, summary, range } = target;
  if (range !== undefined && range[0] >= 0 && range[1] <= 1)
    return { name, unit, summary, loss: "binary-cross-entropy", mean: 0, std: 1 };
  const mean = targets.reduce((sum, value) => sum + value, 0) / targets.length;
  const variance = targets.reduce((sum, value) => sum + (value - mean) ** 2, 0) / targets.length;
  const std = Math.sqrt(variance) || 1;
  return { name, unit, summary, loss: "mean-squared-error", mean, std };
}

/** The loss by which a target is learned. */
export const lossOf = ({ loss }: Target): Loss =>
  loss === "binary-cross-entropy" ? binaryCrossEntropy : meanSquaredError;

/** The dataset with its targets as they are learned. */
export function scaleTargets<Data extends Pick<WeightDataset, "targets">>(
  dataset: Data,
  { loss, mean, std }: Target,
): Data {
  if (loss === "binary-cross-entropy") return dataset;
  return { ...dataset, targets: dataset.targets.map((value) => (value - mean) / std) };
}

/** Raw outputs of a model as predictions of the target, in its own unit. */
export function predictionsOf(outputs: Float32Array, width: number, target: Target): Float32Array {
  const linked = lossOf(target).link(outputs, width);
  const { loss, mean, std } = target;
  return loss === "binary-cross-entropy" ? linked : linked.map((value) => mean + std * value);
}
