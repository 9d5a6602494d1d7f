// How well every network of a population does, by its task.

import { numpy as np } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";
import type { Evaluation, RunData, Task } from "../../tasks/task.ts";
import type { Stacks } from "./population.ts";

export interface Results {
  readonly metrics: Evaluation;
  /** False when a weight is NaN or infinite: training diverged. */
  readonly finite: boolean;
}

/** Networks evaluated at a time: bounds memory. */
const batchSize = 64;

/** One result a network, in order; numbers that are undefined are NaN. */
export async function evaluatePopulation(
  task: Task,
  weights: Stacks,
  data: readonly RunData[],
): Promise<Results[]> {
  const results: Results[] = [];
  for (let from = 0; from < data.length; from += batchSize) {
    const to = Math.min(data.length, from + batchSize);
    const batch = Object.fromEntries(
      Object.entries(weights).map(([name, { shape, data: values }]) => {
        const size = values.length / shape[0];
        const part = values.slice(from * size, to * size);
        return [name, np.array(part, { shape: [to - from, ...shape.slice(1)], dtype: np.float32 })];
      }),
    );
    const evaluations = await task.evaluate(batch, data.slice(from, to));
    for (const [i, evaluation] of evaluations.entries()) {
      const finite = Object.values(weights).every(({ shape, data: values }) => {
        const size = values.length / shape[0];
        return values.subarray((from + i) * size, (from + i + 1) * size).every(Number.isFinite);
      });
      results.push({ metrics: namedNumbers(task, evaluation), finite });
    }
  }
  return results;
}

/** The metrics of the task, in their order. @throws {OptionError} when one is missing or no number. */
function namedNumbers({ name: task, metrics }: Task, evaluation: Evaluation): Evaluation {
  return Object.freeze(
    Object.fromEntries(
      metrics.map(({ name }) => {
        const value: unknown = evaluation[name];
        if (typeof value === "number") return [name, value];
        throw new OptionError(
          `evaluate: the task "${task}" declares the metric "${name}", but evaluated it to ${JSON.stringify(value) ?? "nothing"}; its evaluate must return a number for every metric`,
        );
      }),
    ),
  );
}
