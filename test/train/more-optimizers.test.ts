// Schedule-free AdamW and Muon against their formulas written out in float64, alone and for several networks at once.

import { jit, numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { arraysToHost, keepArrays } from "../../src/engine/arrays.ts";
import { startEngine } from "../../src/engine/start.ts";
import type { Params } from "../../src/models/model.ts";
import { muon, orthogonalize } from "../../src/train/optimizers/muon.ts";
import { adamW, type Optimizer } from "../../src/train/optimizers/optimizers.ts";
import { meanParams, scheduleFreeAdamW } from "../../src/train/optimizers/schedule-free.ts";
import { applyUpdates, type OptimizerState } from "../../src/train/optimizers/update-rules.ts";

beforeAll(() => startEngine());

const stream = randomStream(3);
const numbers = (count: number) => Array.from({ length: count }, () => stream.normal());
const start = numbers(4);
const gradients = Array.from({ length: 30 }, () => numbers(4));

/** Runs an optimizer under jit on fixed gradients; `lead` copies everything for so many networks. */
async function run(optimizer: Optimizer, lead?: number) {
  const array = (values: readonly number[]) =>
    lead === undefined
      ? np.array([...values])
      : np.array(Array.from({ length: lead }, () => values).flat()).reshape([lead, values.length]);
  const step = jit((params: Params, raw: Params, before: OptimizerState) => {
    const [updates, state] = optimizer.update(raw, before, params);
    return { params: applyUpdates(params, updates), state };
  });
  let params: Params = { w: array(start) };
  let state = optimizer.init(params);
  for (const gradient of gradients)
    ({ params, state } = step(params, { w: array(gradient) }, state));
  return { params, state };
}

describe("schedule-free AdamW", () => {
  const [rate, beta1, beta2, decay, warmup] = [0.05, 0.8, 0.99, 0.1, 7];
  /** x, y and z of the paper, entry by entry. */
  const reference = start.map((initial, i) => {
    let [x, y, z, v, weights] = [initial, initial, initial, 0, 0];
    for (const [t, gradient] of gradients.entries()) {
      const g = gradient[i];
      const now = rate * Math.min(1, (t + 1) / warmup);
      v = beta2 * v + (1 - beta2) * g * g;
      z -= now * (g / (Math.sqrt(v / (1 - beta2 ** (t + 1))) + 1e-8) + decay * y);
      weights += now * now;
      const share = (now * now) / weights;
      x = (1 - share) * x + share * z;
      y = (1 - beta1) * z + beta1 * x;
    }
    return { x, y };
  });
  const options = { beta1, beta2, weightDecay: decay, warmup };
  test("the points and their mean are those of the formulas", async () => {
    const { params, state } = await run(scheduleFreeAdamW({ rate, ...options }));
    const mean = await arraysToHost(meanParams(state, params, beta1));
    const points = await arraysToHost(params);
    for (const [i, { x, y }] of reference.entries()) {
      expect(points["w"].data[i]).toBeCloseTo(y, 4);
      expect(mean["w"].data[i]).toBeCloseTo(x, 4);
      expect(Math.abs(x - y)).toBeGreaterThan(1e-3); // control: they are not the same
    }
  });
  test("rates of several networks stay apart", async () => {
    const rates = np.array([rate, 2 * rate]);
    const { params } = await run(scheduleFreeAdamW({ rate: rates, ...options }), 2);
    const { data } = (await arraysToHost(params))["w"];
    for (const [i, { y }] of reference.entries()) {
      expect(data[i]).toBeCloseTo(y, 4);
      expect(Math.abs(data[4 + i] - y)).toBeGreaterThan(1e-2);
    }
  });
  test("beta1 of 1 and a broken warm-up are refused", () => {
    expect(() => scheduleFreeAdamW({ rate, beta1: 1 })).toThrow(
      /beta1 expected above 0 and below 1/,
    );
    expect(() => scheduleFreeAdamW({ rate, warmup: 1.5 })).toThrow(/warmup expected whole steps/);
  });
});

type Matrix = number[][];
const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, x, k) => sum + x * b[k][j], 0)));
const transposed = (a: Matrix): Matrix => a[0].map((_, j) => a.map((row) => row[j]));
const matrixOf = (values: readonly number[], columns: number): Matrix =>
  Array.from({ length: values.length / columns }, (_, i) =>
    values.slice(i * columns, (i + 1) * columns),
  );

/** Newton and Schulz in float64. */
function orthogonalReference(matrix: Matrix): Matrix {
  if (matrix.length > matrix[0].length) return transposed(orthogonalReference(transposed(matrix)));
  const norm = Math.sqrt(matrix.flat().reduce((sum, x) => sum + x * x, 0)) + 1e-7;
  let x = matrix.map((row) => row.map((value) => value / norm));
  for (let i = 0; i < 5; i++) {
    const square = times(x, transposed(x));
    const fourth = times(square, square);
    const polynomial = square.map((row, r) =>
      row.map((s, c) => -4.775 * s + 2.0315 * fourth[r][c]),
    );
    const moved = times(polynomial, x);
    x = x.map((row, r) => row.map((value, c) => 3.4445 * value + moved[r][c]));
  }
  return x;
}

describe("muon", () => {
  test.each([
    [3, 4],
    [4, 3],
    [5, 1],
  ])(
    "%i x %i matrices come out with singular values near 1, as in float64",
    async (rows, columns) => {
      const values = numbers(2 * rows * columns);
      const x = np.array(values).reshape([2, rows, columns]);
      const found = Array.from(await orthogonalize(x).data());
      const halves = [values.slice(0, rows * columns), values.slice(rows * columns)];
      const expected = halves.flatMap((half) =>
        orthogonalReference(matrixOf(half, columns)).flat(),
      );
      for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 3);
    },
  );
  test("matrices follow orthogonal momentum, vectors and chosen matrices follow AdamW, for networks side by side", async () => {
    const [rows, columns, rate] = [3, 2, 0.1];
    const shapes: Record<string, number[]> = { w: [rows, columns], b: [rows], head: [2, rows] };
    const optimizer = muon({ rate, leading: 1, adamFor: (path) => path === "head" });
    const values = Object.fromEntries(
      Object.entries(shapes).map(([path, shape]) => [
        path,
        Array.from({ length: 4 }, () => numbers(2 * shape.reduce((a, b) => a * b))),
      ]),
    );
    const record = (step: number): Params =>
      Object.fromEntries(
        Object.entries(shapes).map(([path, shape]) => [
          path,
          np.array(values[path][step]).reshape([2, ...shape]),
        ]),
      );
    const params = record(0);
    const adam = adamW();
    const rest = { b: params["b"], head: params["head"] };
    let [state, adamState] = [optimizer.init(params), adam.init(rest)];
    let velocity = Array.from({ length: 2 * rows * columns }, () => 0);
    for (const step of [1, 2, 3]) {
      const { w, ...others } = record(step);
      const [updates, next] = optimizer.update({ w: w.ref, ...keepArrays(others) }, state, params);
      const [adamUpdates, adamNext] = adam.update(others, adamState, rest);
      [state, adamState] = [next, adamNext];
      const g = Array.from(await w.data());
      velocity = velocity.map((v, i) => 0.95 * v + g[i]);
      const direction = g.map((value, i) => value + 0.95 * velocity[i]);
      const host = await arraysToHost(updates);
      for (const at of [0, 1]) {
        const own = direction.slice(at * rows * columns, (at + 1) * rows * columns);
        const expected = orthogonalReference(matrixOf(own, columns)).flat();
        for (const [i, value] of expected.entries())
          expect(host["w"].data[at * rows * columns + i]).toBeCloseTo(
            -rate * Math.sqrt(rows / columns) * value,
            3,
          );
      }
      const adamHost = await arraysToHost(adamUpdates);
      for (const path of ["b", "head"])
        for (const [i, value] of adamHost[path].data.entries())
          expect(host[path].data[i]).toBeCloseTo(rate * 0.15 * value, 6);
    }
  });
  test("momentum of 1 is refused", () => {
    expect(() => muon({ momentum: 1 })).toThrow(/momentum expected at least 0 and below 1/);
  });
});
