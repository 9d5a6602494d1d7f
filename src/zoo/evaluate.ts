// How well every network of a population does, by its task.

import { numpy as np } from "@jax-js/jax";
import type { Evaluation, SeenExamples, Task } from "../tasks/task.ts";
import type { Stacks } from "./population.ts";

export interface Results extends Evaluation {
  /** False when a weight is NaN or infinite: training diverged. */
  readonly finite: boolean;
}

/** Networks evaluated at a time: bounds memory. */
const portion = 64;

/** One result a network, in order; losses are NaN where outputs are. */
export async function evaluatePopulation(
  task: Task,
  weights: Stacks,
  seen: readonly SeenExamples[],
): Promise<Results[]> {
  const results: Results[] = [];
  for (let from = 0; from < seen.length; from += portion) {
    const to = Math.min(seen.length, from + portion);
    const batch = Object.fromEntries(
      Object.entries(weights).map(([name, { shape, data }]) => {
        const size = data.length / shape[0];
        const part = data.slice(from * size, to * size);
        return [name, np.array(part, { shape: [to - from, ...shape.slice(1)], dtype: np.float32 })];
      }),
    );
    const evaluations = await task.evaluate(batch, seen.slice(from, to));
    for (const [i, evaluation] of evaluations.entries()) {
      const finite = Object.values(weights).every(({ shape, data }) => {
        const size = data.length / shape[0];
        return data.subarray((from + i) * size, (from + i + 1) * size).every(Number.isFinite);
      });
      results.push({ ...evaluation, finite });
    }
  }
  return results;
}
