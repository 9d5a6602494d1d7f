// Tasks of one kind: rows of numbers to sort into classes, scored by cross-entropy and accuracy.

import { nn, numpy as np } from "@jax-js/jax";
import { judgeScores } from "../core/classification.ts";
import type { Dataset } from "../datasets/examples.ts";
import type { WeightBatch } from "../models/model.ts";
import {
  type ClassifierEvaluation,
  classifierMetrics,
  drawLabelled,
  type LabelledData,
} from "./labelled-data.ts";
import type { Batch, RunDraw, Task } from "./task.ts";

/** A network that classifies, its data, and its gradients. */
export interface Classifier extends Pick<Task, "name" | "spec" | "init"> {
  /** Labels run from 0 to classes - 1; wrong ones are drawn from them. */
  readonly classes: number;
  readonly features: number;
  readonly train: Dataset;
  readonly test: Dataset;
  /** Class scores [n, classes, batch] from inputs [n, batch, features] (or [1, ...], the same for all). Pure. */
  logits(weights: WeightBatch, inputs: np.Array): np.Array;
  /** Gradients of the mean cross-entropy of targets [n, classes, batch], by tensor. */
  gradients(weights: WeightBatch, inputs: np.Array, targets: np.Array): WeightBatch;
  /** The same scores, faster, outside `jit`. @default `logits` */
  fastLogits?(weights: WeightBatch, inputs: np.Array): np.Array;
  /** Examples scored at a time: bounds memory. @default all */
  readonly batchSize?: number;
  /** Examples that tell a network's training loss: the first it was trained on, over again when they are fewer. @default all of them */
  readonly trainingSample?: number;
}

/** What a task of classification says of itself; the rest follows. */
export interface ClassifierTask
  extends
    Omit<Classifier, "gradients">,
    Omit<Task<LabelledData>, "name" | "spec" | "init" | "evaluate"> {
  evaluate(
    weights: WeightBatch,
    data: readonly LabelledData[],
  ): Promise<readonly ClassifierEvaluation[]>;
}

/** The task of a classifier. Batches hold `inputs` [n, batch, features] and one-hot `targets` [n, classes, batch]. */
export function classifierTask(classifier: Classifier): ClassifierTask {
  const { features, classes, train } = classifier;
  const rows = Array.from({ length: train.count }, (_, i) =>
    train.inputs.subarray(i * features, (i + 1) * features),
  );
  return Object.freeze({
    ...classifier,
    metrics: classifierMetrics,
    target: "testAccuracy",
    dataFor: (run: RunDraw) => drawLabelled(train, classes, run),
    batchShapes: (size: number) => ({ inputs: [size, features], targets: [classes, size] }),
    writeExample: (
      { inputs, targets }: Readonly<Record<string, Float32Array>>,
      at: number,
      size: number,
      { examples, labels }: LabelledData,
      example: number,
    ) => {
      inputs.set(rows[examples[example]], at * features);
      targets[labels[example] * size + at] = 1;
    },
    loss: (weights: WeightBatch, { inputs, targets }: Batch) => {
      const chances = nn.logSoftmax(classifier.logits(weights, inputs), -2);
      return np.negative(np.mean(np.sum(np.multiply(chances, targets), -2), -1)); // [n]
    },
    gradients: (weights: WeightBatch, { inputs, targets }: Batch) =>
      classifier.gradients(weights, inputs, targets),
    evaluate: (weights: WeightBatch, seen: readonly LabelledData[]) =>
      evaluate(classifier, weights, seen),
  });
}

async function evaluate(
  classifier: Classifier,
  weights: WeightBatch,
  seen: readonly LabelledData[],
): Promise<ClassifierEvaluation[]> {
  const { classes, test } = classifier;
  const trainLosses = await trainingLosses(classifier, weights, seen);
  const onTests = await scoreAll(classifier, weights, seen.length, test);
  for (const array of Object.values(weights)) array.dispose();
  return seen.map((_, i) => {
    const testScores = onTests(i);
    let testLoss = 0;
    let right = 0;
    for (const [example, label] of test.labels.entries()) {
      const place = { classes, from: example, stride: test.count };
      const { loss, best } = judgeScores(testScores, place, label);
      testLoss += loss;
      if (Math.max(best, 0) === label) right++; // scores that are NaN choose the first class
    }
    return {
      trainLoss: trainLosses[i],
      testLoss: testLoss / test.count,
      testAccuracy: right / test.count,
    };
  });
}

/** Mean loss of every network on what it has seen. Weights are kept. */
async function trainingLosses(
  classifier: Classifier,
  weights: WeightBatch,
  seen: readonly LabelledData[],
): Promise<number[]> {
  const { classes, train, features, trainingSample } = classifier;
  const mean = (
    scores: Float32Array,
    stride: number,
    places: readonly number[],
    labels: Uint8Array,
  ) => {
    let sum = 0;
    for (const [at, from] of places.entries())
      sum += judgeScores(scores, { classes, from, stride }, labels[at]).loss;
    return sum / places.length;
  };
  if (trainingSample === undefined) {
    const scores = await scoreAll(classifier, weights, seen.length, train);
    return seen.map(({ examples, labels }, i) => mean(scores(i), train.count, examples, labels));
  }
  const places = Array.from({ length: trainingSample }, (_, i) => i);
  const inputs = new Float32Array(seen.length * trainingSample * features);
  const sampled = seen.map(({ examples, labels }, network) =>
    Uint8Array.from(places, (i) => {
      const at = i % examples.length;
      const image = train.inputs.subarray(examples[at] * features, (examples[at] + 1) * features);
      inputs.set(image, (network * trainingSample + i) * features);
      return labels[at];
    }),
  );
  const output = scoresOf(
    classifier,
    weights,
    np.array(inputs, { shape: [seen.length, trainingSample, features] }),
  );
  const values = (await output.data()) as Float32Array;
  const size = classes * trainingSample;
  return sampled.map((labels, i) =>
    mean(values.subarray(i * size, (i + 1) * size), trainingSample, places, labels),
  );
}

/** Scores [n, classes, batch] of inputs [n or 1, batch, features]. Weights are kept. @consumes inputs */
function scoresOf(classifier: Classifier, weights: WeightBatch, inputs: np.Array): np.Array {
  const kept = Object.fromEntries(Object.entries(weights).map(([name, w]) => [name, w.ref]));
  return classifier.fastLogits?.(kept, inputs) ?? classifier.logits(kept, inputs);
}

/** Scores [classes, count] of every network on a data set. Weights are kept. */
async function scoreAll(
  classifier: Classifier,
  weights: WeightBatch,
  n: number,
  { inputs, count }: Dataset,
): Promise<(network: number) => Float32Array> {
  const { features, classes, batchSize } = classifier;
  const scores = new Float32Array(n * classes * count);
  for (let from = 0; from < count; from += batchSize ?? count) {
    const size = Math.min(batchSize ?? count, count - from);
    const part = inputs.slice(from * features, (from + size) * features);
    const images = np.array(part, { shape: [1, size, features] });
    const output = scoresOf(classifier, weights, images);
    const values = (await output.data()) as Float32Array;
    for (let row = 0; row < n * classes; row++)
      scores.set(values.subarray(row * size, (row + 1) * size), row * count + from);
  }
  const size = classes * count;
  return (network) => scores.subarray(network * size, (network + 1) * size);
}
