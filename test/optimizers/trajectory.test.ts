// Equivariance of training: a network whose units were put in another order follows the reordered trajectory, step by step.

import { numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import type { Weights } from "../../src/core/tensors.ts";
import {
  arraysFromHost,
  arraysToHost,
  disposeArrays,
  type HostRecord,
} from "../../src/engine/arrays.ts";
import { settle } from "../../src/engine/settle.ts";
import { startEngine } from "../../src/engine/start.ts";
import type { ImageSet } from "../../src/datasets/image-set.ts";
import { stackThetas, thetaSize, thetaToVector } from "../../src/optimizers/host-theta.ts";
import { optimizerKind } from "../../src/optimizers/registry.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import type { Axis, SymmetrySpec } from "../../src/symmetry/types.ts";
import { weakenSpec } from "../../src/symmetry/weaken.ts";
import type { InnerTask } from "../../src/tasks/inner/inner-task.ts";
import { innerTaskEntry } from "../../src/tasks/inner/registry.ts";
import { applyUpdates } from "../../src/train/optimizers/update-rules.ts";

beforeAll(() => startEngine());

/** Ten classes that can be told apart: bright rows and columns, with noise. */
function images(count: number, seed: number): ImageSet {
  const random = randomStream(seed);
  const labels = Uint8Array.from({ length: count }, () => random.integer(10));
  const inputs = new Float32Array(count * 64);
  for (const [i, label] of labels.entries())
    for (let pixel = 0; pixel < 64; pixel++) {
      const [row, column] = [Math.floor(pixel / 8), pixel % 8];
      const bright = label < 5 ? row === label + 1 : column === label - 4;
      inputs[i * 64 + pixel] = (bright ? 0.7 : 0) + 0.3 * random.uniform();
    }
  return { count, shape: [8, 8], inputs, labels };
}

/** Reorders units only: scales and changes of basis are symmetries of the network, but not of the optimizers. */
function reorderings(spec: SymmetrySpec): SymmetrySpec {
  const plain = weakenSpec(spec, { dropScale: Object.keys(spec.axes) });
  const axes = Object.entries(plain.axes).map(([name, axis]): [string, Axis] => [
    name,
    axis.group === "general-linear" ? { ...axis, group: "permutation" } : axis,
  ]);
  return Object.freeze({ ...plain, axes: Object.fromEntries(axes) });
}

type Step = (
  gradients: { [name: string]: np.Array },
  params: { [name: string]: np.Array },
) => { [name: string]: np.Array };

/** Weights after so many steps, all batches from one seed. */
async function trained(
  task: InnerTask,
  start: Weights,
  steps: number,
  step: Step,
): Promise<HostRecord> {
  const random = randomStream(21);
  const sizes = Object.entries(task.batchShapes);
  let params = arraysFromHost(
    Object.fromEntries(
      Object.entries(start).map(([name, { shape, data }]) => [
        name,
        { shape: [1, ...shape], data: Float32Array.from(data) },
      ]),
    ),
  );
  for (let at = 0; at < steps; at++) {
    const arrays = Object.fromEntries(
      sizes.map(([name, shape]) => [name, new Float32Array(sizeOf(shape))]),
    );
    task.writeBatch(arrays, random);
    const batch = Object.fromEntries(
      sizes.map(([name, shape]) => [name, np.array(arrays[name], { shape: [1, ...shape] })]),
    );
    const { losses, gradients } = task.lossAndGradients(params, batch);
    losses.dispose();
    params = applyUpdates(params, step(gradients, params));
    await settle(Object.values(params));
  }
  const host = await arraysToHost(params);
  disposeArrays(params);
  return Object.fromEntries(
    Object.entries(host).map(([name, { shape, data }]) => [name, { shape: shape.slice(1), data }]),
  );
}

/** A fresh state, and theta whose network matters: its output counts like momentum. Long steps would make training chaotic. */
function learned(kind: string, task: InnerTask, rate: number): Step {
  const program = optimizerKind(kind).program(task.spec);
  const theta = program.initialTheta(4);
  const scalar = (value: number, start: number) => ({
    shape: [1],
    data: Float32Array.of(Math.log(value / start) / 10),
  });
  const loud = { ...theta, "rule.alpha": scalar(rate, 0.1), "rule.beta": scalar(0.02, 0.001) };
  const vector = thetaToVector(program.thetaShapes, loud);
  expect(vector).toHaveLength(thetaSize(program.thetaShapes));
  const prepared = program.prepare(stackThetas(program.thetaShapes, [vector]));
  let state = program.initialState(1);
  return (gradients, params) => {
    const [updates, next] = program.update(prepared, gradients, state, params);
    state = next;
    return updates;
  };
}

/** A rule that is blind to the spec: the n-th row of every tensor has a rate of its own. */
const rowBlind =
  (rate: number): Step =>
  (gradients) =>
    Object.fromEntries(
      Object.entries(gradients).map(([name, gradient]) => {
        const rows = gradient.shape[1];
        const rates = Float32Array.from({ length: rows }, (_, row) => (-rate * (row % 5)) / 4);
        const shape = [1, rows, ...gradient.shape.slice(2).map(() => 1)];
        return [name, np.multiply(gradient, np.array(rates, { shape }))];
      }),
    );

/** Distance over size, all tensors as one vector. */
function relative(a: Weights, b: Weights): number {
  let [difference, size] = [0, 0];
  for (const [name, { data }] of Object.entries(a)) {
    for (const [i, value] of data.entries()) {
      difference += (value - b[name].data[i]) ** 2;
      size += value ** 2;
    }
  }
  return Math.sqrt(difference / size);
}

async function errorAfter(task: InnerTask, steps: number, rule: () => Step): Promise<number> {
  const spec = reorderings(task.spec);
  const start = task.init(randomStream(7));
  const move = sampleElement(spec, 8);
  const plain = await trained(task, start, steps, rule());
  const moved = await trained(task, actOn(spec, move, start), steps, rule());
  expect(relative(plain, start)).toBeGreaterThan(0.1); // it has trained
  return relative(actOn(spec, move, plain), moved);
}

const data = { train: images(400, 1), test: images(10, 2) };
/** Words from a small dictionary. */
function text(): Uint8Array {
  const random = randomStream(5);
  const words = ["the", "a", "cat", "dog", "sees", "is", "not", "blue", "old", "and"];
  const list = Array.from({ length: 900 }, () => words[random.integer(words.length)]);
  return new TextEncoder().encode(list.join(" "));
}
const cases = [
  ["fashion-mlp", 200, 0.1, 0.5],
  ["fashion-cnn", 200, 0.1, 0.5],
  ["text-irnn", 50, 0.02, 0.16],
  ["text-transformer", 50, 0.05, 0.8],
] as const;

describe.each(cases)("%s", (name, steps, rate, blindRate) => {
  const open = () => {
    const { create, createOn } = innerTaskEntry(name);
    return createOn?.(data) ?? create(text());
  };
  test(`under unf, ${steps} steps of a reordered network are the reordered steps, to 1e-3`, async () => {
    const task = await open();
    expect(await errorAfter(task, steps, () => learned("unf", task, rate))).toBeLessThan(1e-3);
  });
  test("under a rule that sees rows they are not, by more than 1e-1", async () => {
    const task = await open();
    expect(await errorAfter(task, steps, () => rowBlind(blindRate))).toBeGreaterThan(0.1);
  });
});
