// What one network sees: its share of the training examples, its labels (some of them wrong), and the order of its batches.

import { randomStream, type RandomStream } from "../core/random.ts";
import type { SeenExamples, Task } from "../tasks/task.ts";
import { type HyperParameters, networkSeed } from "./recipe.ts";

/** Positions in the training set, a label for each, and how batches are drawn from them. */
export interface Lesson extends SeenExamples {
  /** Draws the positions within `examples` of every batch, with replacement. */
  readonly draws: RandomStream;
}

/** The lesson of run `index`: the same for the same task, seed, index and hyper-parameters. */
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

/** The arrays of a batch for n networks on the host. */
export interface HostBatch {
  readonly arrays: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> }>
  >;
  /** Views of every network's part. */
  readonly parts: readonly Readonly<Record<string, Float32Array>>[];
}

/** Room for a batch of `size` examples for each of `networks`. */
export function hostBatch(task: Task, networks: number, size: number): HostBatch {
  const shapes = Object.entries(task.batchShapes(size));
  const arrays = Object.fromEntries(
    shapes.map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((product, n) => product * n, networks));
      return [name, { shape: [networks, ...shape], data }];
    }),
  );
  const parts = Array.from({ length: networks }, (_, i) =>
    Object.fromEntries(
      Object.entries(arrays).map(([name, { data }]) => {
        const part = data.length / networks;
        return [name, data.subarray(i * part, (i + 1) * part)];
      }),
    ),
  );
  return { arrays, parts };
}

/** Writes one network's next batch into its part of the arrays of all. */
export function drawBatch(
  task: Task,
  { examples, labels, draws }: Lesson,
  size: number,
  part: Readonly<Record<string, Float32Array>>,
): void {
  for (const array of Object.values(part)) array.fill(0);
  for (let b = 0; b < size; b++) {
    const at = draws.integer(examples.length);
    task.writeExample(part, b, size, examples[at], labels[at]);
  }
}
