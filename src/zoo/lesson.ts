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

/** Writes one network's next batch into the arrays of all: inputs [n, batch, features], one-hot targets [n, classes, batch]. */
export function drawBatch(
  { examples, labels, draws }: Lesson,
  rows: readonly Float32Array[],
  classes: number,
  batch: number,
  network: number,
  inputs: Float32Array,
  targets: Float32Array,
): void {
  const features = rows[0].length;
  const column = network * classes * batch;
  targets.fill(0, column, column + classes * batch);
  for (let b = 0; b < batch; b++) {
    const at = draws.integer(examples.length);
    inputs.set(rows[examples[at]], (network * batch + b) * features);
    targets[column + labels[at] * batch + b] = 1;
  }
}

/** The training images of a task, one view each. */
export function trainingRows({ train, features }: Task): Float32Array[] {
  return Array.from({ length: train.count }, (_, i) =>
    train.inputs.subarray(i * features, (i + 1) * features),
  );
}
