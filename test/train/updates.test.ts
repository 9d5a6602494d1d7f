// One vector of all parameters takes the same steps as every array apart, and gives the same state back.

import { numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { arraysToHost, disposeArrays, type HostRecord } from "../../src/engine/arrays.ts";
import { startEngine } from "../../src/engine/start.ts";
import type { Params } from "../../src/models/model.ts";
import { muon } from "../../src/train/optimizers/muon.ts";
import {
  adam,
  adamW,
  type Optimizer,
  rmsprop,
  sgd,
} from "../../src/train/optimizers/optimizers.ts";
import { scheduleFreeAdamW } from "../../src/train/optimizers/schedule-free.ts";
import { type Update, updateOfArrays, updateOfVector } from "../../src/train/updates.ts";

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

const entrywise = [
  adam(),
  adamW({ weightDecay: 0.1 }),
  adam({ weightDecay: 0.1, decoupled: false, rate: np.array(0.5) }),
  rmsprop(),
  sgd({ momentum: 0.9, nesterov: true }),
  sgd(),
];

test.each(entrywise.map((optimizer) => [optimizer.name, optimizer] as const))(
  "%s steps one vector as it steps arrays, clipped or not",
  async (_, optimizer) => {
    expect(optimizer.isEntrywise).toBe(true);
    for (const limit of [undefined, clipNorm]) {
      const apart = await after(updateOfArrays(optimizer, limit), optimizer, 7);
      const together = await after(updateOfVector(optimizer, limit), optimizer, 7);
      expect(Object.keys(together.state).sort()).toEqual(Object.keys(apart.state).sort());
      expect(largestDifference(together.params, apart.params)).toBeLessThan(1e-6);
      expect(largestDifference(together.state, apart.state)).toBeLessThan(1e-6);
      for (const [i, norm] of together.norms.entries()) expect(norm).toBeCloseTo(apart.norms[i], 5);
      // Control: another limit leads elsewhere.
      const other = await after(updateOfVector(optimizer, 0.01), optimizer, 7);
      expect(
        largestDifference(other.state, apart.state) + largestDifference(other.params, apart.params),
      ).toBeGreaterThan(1e-3);
    }
  },
);

test("optimizers that look at whole arrays, or at one network of several, are not called entrywise", () => {
  expect(muon().isEntrywise).toBeUndefined();
  expect(scheduleFreeAdamW({ rate: 0.1 }).isEntrywise).toBeUndefined();
  expect(adam({ rate: np.array([0.1, 0.2]) }).isEntrywise).toBe(false);
  expect(sgd({ momentum: np.array([0.1, 0.2]) }).isEntrywise).toBe(false);
});
