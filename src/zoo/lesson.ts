// What one network sees: its share of the training images, its labels (some of them wrong), and the order of its batches.

import { randomStream, type RandomStream } from "../core/random.ts";
import type { Task } from "../tasks/task.ts";
import { type HyperParameters, networkSeed } from "./recipe.ts";

export interface Lesson {
  /** Positions in the training set this network may see. */
  readonly examples: readonly number[];
  /** A label for each of them. */
  readonly labels: Uint8Array;
  /** Draws the positions within `examples` of every batch, with replacement. */
  readonly draws: RandomStream;
}

/** The lesson of network `index`: the same for the same task, seed, index and hyper-parameters. */
export function drawLesson(
  task: Task,
  hyper: HyperParameters,
  seed: number,
  index: number,
): Lesson {
  const count = Math.max(1, Math.round(hyper.dataFraction * task.train.count));
  const order = randomStream(networkSeed(seed, index, "images")).permutation(task.train.count);
  const examples = order.slice(0, Math.min(count, task.train.count));
  const noise = randomStream(networkSeed(seed, index, "labels"));
  const labels = Uint8Array.from(examples, (example) => {
    const wrong = noise.uniform() < hyper.labelNoise;
    const label = noise.integer(task.classes);
    return wrong ? label : task.train.labels[example];
  });
  return { examples, labels, draws: randomStream(networkSeed(seed, index, "batches")) };
}

/** Writes one network's next batch: inputs [batch, features] and one-hot targets [classes, batch], both at an entry offset. */
export function drawBatch(
  task: Task,
  { examples, labels, draws }: Lesson,
  batch: number,
  slot: number,
  inputs: Float32Array,
  targets: Float32Array,
): void {
  const { features, classes, train } = task;
  let to = slot * batch * features;
  const column = slot * classes * batch;
  targets.fill(0, column, column + classes * batch);
  for (let b = 0; b < batch; b++) {
    const at = draws.integer(examples.length);
    const from = examples[at] * features;
    for (let p = 0; p < features; p++) inputs[to + p] = train.inputs[from + p];
    to += features;
    targets[column + labels[at] * batch + b] = 1;
  }
}
