// Adam as a kernel takes the same steps as the compiled program, and gives the same state back.

import { numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { arraysToHost, disposeArrays, type HostRecord } from "../../src/engine/arrays.ts";
import { startEngine } from "../../src/engine/start.ts";
import { adamKernel, hasRoomForAdam } from "../../src/kernels/optimizers/adam-kernel.ts";
import type { Params } from "../../src/models/model.ts";
import { muon } from "../../src/train/optimizers/muon.ts";
import {
  adam,
  type AdamNumbers,
  adamNumbers,
  adamW,
  type Optimizer,
  rmsprop,
  sgd,
} from "../../src/train/optimizers/optimizers.ts";
import { scheduleFreeAdamW } from "../../src/train/optimizers/schedule-free.ts";
import { type Update, updateByAdam, updateOfArrays } from "../../src/train/updates.ts";

beforeAll(() => startEngine());

const shapes = { "layers.0.bias": [3], "layers.0": [3, 2], "head/last": [2, 1, 2], scale: [] };
const clipNorm = 1;

/** Gradients of a step; every third is short enough to stay as it is. */
function arrays(seed: number, size = 1): Params {
  const stream = randomStream(seed);
  const entries = Object.entries(shapes).map(([path, shape]) => {
    const count = shape.reduce((product, dim) => product * dim, 1);
    const numbers = Float32Array.from({ length: count }, () => size * stream.normal());
    return [path, np.array(numbers, { shape })];
  });
  return Object.fromEntries(entries) as Params;
}

/** Parameters, state and norms after steps; gradients come in another order than parameters. */
async function after(update: Update, optimizer: Optimizer, steps: number) {
  let params = arrays(1);
  let state = await update.packed(optimizer.init(params), params);
  const norms: number[] = [];
  for (let step = 0; step < steps; step++) {
    const made = arrays(10 + step, step % 3 === 0 ? 0.05 : 1);
    const gradients = Object.fromEntries(Object.entries(made).toReversed()) as Params;
    const updated = await update.run({ params, gradients, state, rate: np.array(0.1) });
    norms.push((await updated.norm.data())[0]);
    // What a checkpoint keeps is what a run goes on with.
    const unpacked = await update.unpacked(updated.state, updated.params);
    disposeArrays(updated.state);
    [params, state] = [updated.params, await update.packed(unpacked, updated.params)];
  }
  const host = {
    params: await arraysToHost(params),
    state: await arraysToHost(await update.unpacked(state, params)),
    norms,
  };
  disposeArrays(params);
  disposeArrays(state);
  update.dispose();
  return host;
}

/** Of all entries of two records. */
const largestDifference = (a: HostRecord, b: HostRecord): number =>
  Math.max(
    0,
    ...Object.keys(a).flatMap((path) =>
      [...a[path].data].map((value, i) => Math.abs(value - b[path].data[i])),
    ),
  );

const kinds = [
  adam(),
  adam({ beta1: 0.5, beta2: 0.9, epsilon: 1e-3, rate: 0.5 }),
  adamW({ weightDecay: 0.1 }),
  adam({ weightDecay: 0.1, decoupled: false }),
];

test.each(kinds.map((optimizer) => [optimizer.name, optimizer] as const))(
  "the kernel of %s steps as its program does, clipped or not",
  async (_, optimizer) => {
    const numbers = adamNumbers(optimizer) as Required<AdamNumbers>;
    for (const limit of [undefined, clipNorm]) {
      const program = await after(updateOfArrays(optimizer, limit), optimizer, 7);
      const kernel = await after(updateByAdam(numbers, limit), optimizer, 7);
      expect(Object.keys(kernel.state).sort()).toEqual(Object.keys(program.state).sort());
      expect(largestDifference(kernel.params, program.params)).toBeLessThan(1e-6);
      expect(largestDifference(kernel.state, program.state)).toBeLessThan(1e-6);
      for (const [i, norm] of kernel.norms.entries()) expect(norm).toBeCloseTo(program.norms[i], 5);
      // Control: a number that is a little different leads elsewhere.
      const other = { ...numbers, beta2: numbers.beta2 - 0.01 };
      const moved = await after(updateByAdam(other, limit), optimizer, 7);
      expect(largestDifference(moved.state, program.state)).toBeGreaterThan(1e-3);
    }
  },
);

test("only Adam with plain numbers has a kernel", () => {
  const others: Optimizer[] = [
    adam({ rate: np.array([0.1, 0.2]) }),
    adam({ beta1: np.array(0.9) }),
    rmsprop(),
    sgd({ momentum: 0.9 }),
    muon(),
    scheduleFreeAdamW({ rate: 0.1 }),
    { ...sgd(), name: adam().name }, // another optimizer under the name of Adam
    { ...adam() }, // and what could have been changed since
  ];
  for (const each of others) expect(adamNumbers(each), each.name).toBeUndefined();
});

test("a parameter count that no memory holds is refused", () => {
  expect(hasRoomForAdam(1e8)).toBe(true);
  expect(hasRoomForAdam(3e8)).toBe(false);
  expect(() => adamKernel(3e8)).toThrow(/Adam on 300000000 parameters needs 4800000064 bytes/);
});
