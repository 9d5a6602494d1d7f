// What runs of classifiers learn from: a share of one labelled training set, with some wrong labels.

import type { Examples } from "../datasets/examples.ts";
import type { MetricInfo } from "../core/metric-info.ts";
import type { Evaluation, RunData, RunDraw } from "./task.ts";

/** Positions in the training set, and the label given with each, wrong ones included. */
export interface LabelledData extends RunData {
  readonly examples: readonly number[];
  readonly labels: Uint8Array;
}

/** The data of a run that has seen these examples with these labels. */
export const labelledData = (examples: readonly number[], labels: Uint8Array): LabelledData => ({
  count: examples.length,
  examples,
  labels,
});

/** Draws the run's share of the training set, and a wrong label from 0 to `classes - 1` for some of it. */
export function drawLabelled(train: Examples, classes: number, run: RunDraw): LabelledData {
  const count = Math.max(1, Math.round(run.dataFraction * train.count));
  const order = run.random("images").permutation(train.count);
  const examples = order.slice(0, Math.min(count, train.count));
  const noise = run.random("labels");
  const labels = Uint8Array.from(examples, (example) => {
    const wrong = noise.uniform() < run.labelNoise;
    const label = noise.integer(classes);
    return wrong ? label : train.labels[example];
  });
  return labelledData(examples, labels);
}

/** How well a classifier does; losses are NaN where its outputs are. */
export interface ClassifierEvaluation extends Evaluation {
  /** Mean cross-entropy in nats of an example, on examples and labels it has seen. */
  readonly trainLoss: number;
  /** The same on the test examples. */
  readonly testLoss: number;
  /** Share of the test examples it answers rightly, in [0, 1]. */
  readonly testAccuracy: number;
}

/** The metrics of {@link ClassifierEvaluation}. */
export const classifierMetrics: readonly MetricInfo[] = Object.freeze([
  {
    name: "trainLoss",
    unit: "nats",
    summary: "cross-entropy on examples it has seen",
    better: "lower",
  },
  { name: "testLoss", unit: "nats", summary: "cross-entropy on test examples", better: "lower" },
  {
    name: "testAccuracy",
    unit: "",
    summary: "test accuracy",
    better: "higher",
    range: [0, 1],
  },
]);
