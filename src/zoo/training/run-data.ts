// What one network sees: the data its task gives its run, and the order of its batches.

import { randomStream, type RandomStream } from "../../core/random.ts";
import type { RunData, Task } from "../../tasks/task.ts";
import { type HyperParameters, networkSeed } from "../recipe.ts";

/** What a run learns from, and how batches are drawn from it. */
export interface TrainingData {
  readonly data: RunData;
  /** Draws the examples of every batch, with replacement. */
  readonly draws: RandomStream;
}

/** The training data of run `index`: the same for the same task, seed, index and hyper-parameters. */
export function drawTrainingData(
  task: Task,
  { dataFraction, labelNoise }: HyperParameters,
  seed: number,
  index: number,
): TrainingData {
  const random = (purpose: string) => randomStream(networkSeed(seed, index, purpose));
  const data = task.dataFor({ index, seed, dataFraction, labelNoise, random });
  return { data, draws: random("batches") };
}

/** Writes one network's next batch into its part of the arrays of all. */
export function drawBatch(
  task: Task,
  { data, draws }: TrainingData,
  size: number,
  part: Readonly<Record<string, Float32Array>>,
): void {
  for (const array of Object.values(part)) array.fill(0);
  for (let b = 0; b < size; b++) {
    task.writeExample(part, b, size, data, draws.integer(data.count));
  }
}
