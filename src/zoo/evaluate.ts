// How well every network of a population does: loss on its own lesson, loss and accuracy on the test images.

import { numpy as np } from "@jax-js/jax";
import type { Dataset, Task } from "../tasks/task.ts";
import type { Lesson } from "./lesson.ts";
import type { Run } from "./run.ts";
import type { Stacks } from "./population.ts";

export type Results = Pick<Run, "trainLoss" | "testLoss" | "testAccuracy" | "finite">;

/** Networks scored at a time: bounds memory. */
const portion = 64;

/** One result a network, in order; losses are NaN where scores are. */
export async function evaluatePopulation(
  task: Task,
  weights: Stacks,
  lessons: readonly Pick<Lesson, "examples" | "labels">[],
): Promise<Results[]> {
  const results: Results[] = [];
  for (let from = 0; from < lessons.length; from += portion) {
    const to = Math.min(lessons.length, from + portion);
    const train = await scoreAll(task, weights, from, to, task.train);
    const test = await scoreAll(task, weights, from, to, task.test);
    for (let i = from; i < to; i++) {
      const { examples, labels } = lessons[i];
      const [trainScores, testScores] = [train(i - from), test(i - from)];
      let trainLoss = 0;
      for (const [at, example] of examples.entries()) {
        trainLoss += crossEntropy(trainScores, task, task.train.count, example, labels[at]);
      }
      let testLoss = 0;
      let right = 0;
      for (const [example, label] of task.test.labels.entries()) {
        testLoss += crossEntropy(testScores, task, task.test.count, example, label);
        if (bestClass(testScores, task, task.test.count, example) === label) right++;
      }
      results.push({
        trainLoss: trainLoss / examples.length,
        testLoss: testLoss / task.test.count,
        testAccuracy: right / task.test.count,
        finite: Object.values(weights).every(({ shape, data }) => {
          const size = data.length / shape[0];
          return data.subarray(i * size, (i + 1) * size).every(Number.isFinite);
        }),
      });
    }
  }
  return results;
}

/** Scores [classes, count] of networks `from` to `to` on a data set, by network. */
async function scoreAll(
  task: Task,
  weights: Stacks,
  from: number,
  to: number,
  { inputs, count }: Dataset,
): Promise<(network: number) => Float32Array> {
  const batch = Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => {
      const size = data.length / shape[0];
      const part = data.slice(from * size, to * size);
      return [name, np.array(part, { shape: [to - from, ...shape.slice(1)], dtype: np.float32 })];
    }),
  );
  const images = np.array(inputs, { shape: [1, count, task.features] });
  const scores = (await task.logits(batch, images).data()) as Float32Array;
  const size = task.classes * count;
  return (network) => scores.subarray(network * size, (network + 1) * size);
}

function crossEntropy(
  scores: Float32Array,
  task: Task,
  count: number,
  example: number,
  label: number,
): number {
  let highest = -Infinity;
  for (let c = 0; c < task.classes; c++) highest = Math.max(highest, scores[c * count + example]);
  let sum = 0;
  for (let c = 0; c < task.classes; c++) sum += Math.exp(scores[c * count + example] - highest);
  return Math.log(sum) + highest - scores[label * count + example];
}

/** The first class of highest score; the first class of all when scores are NaN. */
function bestClass(scores: Float32Array, task: Task, count: number, example: number): number {
  let best = 0;
  for (let c = 1; c < task.classes; c++) {
    if (scores[c * count + example] > scores[best * count + example]) best = c;
  }
  return best;
}
