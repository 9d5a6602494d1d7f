// Optimizers, schedules and clipping against the same formulas written out in float64.

import { jit, numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { startEngine } from "../../src/engine/start.ts";
import type { Params } from "../../src/models/model.ts";
import { clipByGlobalNorm } from "../../src/train/clip.ts";
import { adam, type Optimizer, sgd } from "../../src/train/optimizers.ts";
import { constant, stepDecay, warmupCosine } from "../../src/train/schedules.ts";

beforeAll(() => startEngine());

const start = [0.5, -1.25, 2, 0.01];
const stream = randomStream(7);
const gradients = Array.from({ length: 50 }, () => start.map(() => stream.normal()));
const rateOf = (step: number) => 0.1 / (1 + step);

/** Runs an optimizer under jit on fixed gradients. */
async function runOptimizer(optimizer: Optimizer): Promise<number[]> {
  const update = jit((...inputs: Parameters<Optimizer["update"]>) => optimizer.update(...inputs));
  let params: Params = { w: np.array(start) };
  let state = optimizer.init(params);
  for (const [step, gradient] of gradients.entries()) {
    ({ params, state } = update(params, { w: np.array(gradient) }, state, np.array(rateOf(step))));
  }
  return Array.from(await params["w"].data());
}

interface Rule {
  (value: number, gradient: number, memory: { m: number; v: number }, t: number): number;
}

/** The same run in float64: `rule` gives the step to be multiplied by the rate. */
function reference(rule: Rule): number[] {
  return start.map((initial, i) => {
    const memory = { m: 0, v: 0 };
    return gradients.reduce(
      (value, gradient, step) => value - rateOf(step) * rule(value, gradient[i], memory, step + 1),
      initial,
    );
  });
}

const adamRule =
  (decay: number, decoupled: boolean): Rule =>
  (value, raw, memory, t) => {
    const gradient = decoupled ? raw : raw + decay * value;
    memory.m = 0.9 * memory.m + 0.1 * gradient;
    memory.v = 0.999 * memory.v + 0.001 * gradient ** 2;
    const [m, v] = [memory.m / (1 - 0.9 ** t), memory.v / (1 - 0.999 ** t)];
    return m / (Math.sqrt(v) + 1e-8) + (decoupled ? decay * value : 0);
  };

const sgdRule =
  (momentum: number, nesterov: boolean, decay: number): Rule =>
  (value, raw, memory) => {
    const gradient = raw + decay * value;
    memory.v = momentum * memory.v + gradient;
    return nesterov ? gradient + momentum * memory.v : memory.v;
  };

const cases: [string, Optimizer, Rule][] = [
  ["adam", adam(), adamRule(0, true)],
  ["adam with decoupled decay", adam({ weightDecay: 0.1 }), adamRule(0.1, true)],
  ["adam with coupled decay", adam({ weightDecay: 0.1, decoupled: false }), adamRule(0.1, false)],
  ["sgd", sgd(), sgdRule(0, false, 0)],
  ["sgd with momentum", sgd({ momentum: 0.9 }), sgdRule(0.9, false, 0)],
  [
    "sgd with Nesterov momentum and decay",
    sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.05 }),
    sgdRule(0.9, true, 0.05),
  ],
];

test.each(cases)("%s equals its formula in float64 over 50 steps", async (_, optimizer, rule) => {
  const expected = reference(rule);
  const found = await runOptimizer(optimizer);
  for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i], 5);
});

test("the formulas tell the variants apart (negative control)", () => {
  const results = cases.map(([, , rule]) => reference(rule)[0].toFixed(4));
  expect(new Set(results).size).toBe(cases.length);
});

test("options out of range are refused by name", () => {
  expect(() => adam({ beta1: 1 })).toThrow("adam: beta1 expected");
  expect(() => sgd({ momentum: -0.1 })).toThrow("sgd: momentum expected");
  expect(() => sgd({ nesterov: true })).toThrow("nesterov needs momentum");
});

test("gradients above the limit are scaled to exactly that norm, those below are untouched", async () => {
  const clip = async (limit: number) => {
    const record = { a: np.array([3, 0]), b: np.array([[4]]) };
    const result = clipByGlobalNorm(record, limit);
    const values = [...(await result.gradients.a.data()), ...(await result.gradients.b.data())];
    return { values, norm: (await result.norm.data())[0] };
  };
  const clipped = await clip(1);
  expect(clipped.norm).toBe(5);
  expect(Math.hypot(...clipped.values)).toBeCloseTo(1, 6);
  expect(clipped.values[2] / clipped.values[0]).toBeCloseTo(4 / 3, 6);
  expect(await clip(5)).toEqual({ values: [3, 0, 4], norm: 5 });
  expect(await clip(100)).toEqual({ values: [3, 0, 4], norm: 5 });
});

test("schedules: constant, warm-up then cosine to the end, steps", () => {
  expect([0, 9].map((step) => constant(0.3)(step, 10))).toEqual([0.3, 0.3]);
  const schedule = warmupCosine({ rate: 1, warmup: 4, final: 0.1 });
  expect([0, 1, 2, 3].map((step) => schedule(step, 15))).toEqual([0.25, 0.5, 0.75, 1]);
  expect(schedule(4, 15)).toBe(1);
  expect(schedule(9, 15)).toBeCloseTo(0.55, 12);
  expect(schedule(14, 15)).toBeCloseTo(0.1, 12);
  expect(schedule(99, 15)).toBeCloseTo(0.1, 12);
  const decay = stepDecay({ rate: 8, every: 3, factor: 0.5 });
  expect([0, 2, 3, 5, 6].map((step) => decay(step, 10))).toEqual([8, 8, 4, 4, 2]);
  expect(() => stepDecay({ rate: 1, every: 0 })).toThrow("every expected");
});
