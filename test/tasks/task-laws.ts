// Laws that every task keeps, and random material for them.

import { grad, jit, numpy as np } from "@jax-js/jax";
import { expect } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import type { WeightBatch } from "../../src/models/model.ts";
import {
  type ClassifierEvaluation,
  labelledData,
  type LabelledData,
} from "../../src/tasks/labelled-data.ts";
import type { Examples } from "../../src/datasets/examples.ts";
import type { Batch, Task as AnyTask } from "../../src/tasks/task.ts";

/** A task that classifies, with its training set. */
interface Task extends Omit<AnyTask<LabelledData>, "evaluate"> {
  readonly train: Examples;
  evaluate(
    weights: WeightBatch,
    data: readonly LabelledData[],
  ): Promise<readonly ClassifierEvaluation[]>;
}

/** Weights of several networks stacked, as arrays. */
export function stack(task: Task, networks: readonly Weights[]): WeightBatch {
  return Object.fromEntries(
    Object.entries(task.spec.tensors).map(([name, { shape }]) => {
      const data = new Float32Array(networks.length * sizeOf(shape));
      for (const [i, weights] of networks.entries())
        data.set(weights[name].data, i * sizeOf(shape));
      return [name, np.array(data, { shape: [networks.length, ...shape] })];
    }),
  );
}

/** Initial weights with every entry moved a little, so that no bias is 0. */
export function randomWeights(task: Task, seed: number): Weights {
  const random = randomStream(seed);
  return Object.fromEntries(
    Object.entries(task.init(random, 1)).map(([name, { shape, data }]) => [
      name,
      { shape, data: Float32Array.from(data, (value) => value + 0.1 * random.normal()) },
    ]),
  );
}

/** A batch of random training examples for n networks. */
export function randomBatch(task: Task, n: number, size: number, seed: number): Batch {
  const random = randomStream(seed);
  const shapes = Object.entries(task.batchShapes(size));
  const arrays = shapes.map(
    ([name, shape]) => [name, new Float32Array(n * sizeOf(shape))] as const,
  );
  for (let i = 0; i < n; i++) {
    const part = arrays.map(([name, data]) => {
      const length = data.length / n;
      return [name, data.subarray(i * length, (i + 1) * length)] as const;
    });
    for (let b = 0; b < size; b++) {
      const example = random.integer(task.train.count);
      const data = labelledData([example], Uint8Array.of(task.train.labels[example]));
      task.writeExample(Object.fromEntries(part), b, size, data, 0);
    }
  }
  return Object.fromEntries(
    arrays.map(([name, data], at) => [name, np.array(data, { shape: [n, ...shapes[at][1]] })]),
  );
}

/**
 * How far the written-out gradients are from those of automatic differentiation, relative to the largest entry, by tensor;
 * of the tensors `without`, which cannot change the loss, how large they are.
 */
export async function gradientErrors(
  task: Task,
  seed: number,
  without: readonly string[] = [],
): Promise<Record<string, number>> {
  const networks = [seed, seed + 1, seed + 2].map((s) => randomWeights(task, s));
  const batch = () => randomBatch(task, networks.length, 12, seed);
  const total = (weights: WeightBatch, examples: Batch) => np.sum(task.loss(weights, examples));
  const automatic = jit(grad(total))(stack(task, networks), batch()) as WeightBatch;
  const written = task.gradients(stack(task, networks), batch());
  const errors: Record<string, number> = {};
  for (const name of Object.keys(task.spec.tensors)) {
    expect(written[name].shape).toEqual(automatic[name].shape);
    const [a, b] = [await automatic[name].data(), await written[name].data()];
    const size = without.includes(name) ? 1 : Math.max(...a.map(Math.abs));
    expect(size).toBeGreaterThan(1e-5);
    errors[name] = Math.max(...a.map((value, i) => Math.abs(value - b[i]))) / size;
  }
  return errors;
}

/** How a network does before and after a random group element, and after moving only the named tensor by it. */
export async function underSymmetry(
  task: Task,
  tensor: string,
  seed: number,
): Promise<Record<"before" | "moved" | "half", ClassifierEvaluation>> {
  const weights = randomWeights(task, seed);
  const moved = actOn(task.spec, sampleElement(task.spec, seed), weights);
  const half = { ...weights, [tensor]: moved[tensor] };
  const seen = labelledData([0, 1, 2, 3], task.train.labels.slice(0, 4));
  const results = await task.evaluate(stack(task, [weights, moved, half]), [seen, seen, seen]);
  return { before: results[0], moved: results[1], half: results[2] };
}
