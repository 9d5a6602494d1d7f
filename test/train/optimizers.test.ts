// Optimizers, schedules and clipping against the same formulas written out in float64.

import { jit, numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { startEngine } from "../../src/engine/start.ts";
import type { Params } from "../../src/models/model.ts";
import { clipByGlobalNorm } from "../../src/train/optimizers/clip.ts";
import {
  adam,
  adamW,
  type Optimizer,
  rmsprop,
  sgd,
} from "../../src/train/optimizers/optimizers.ts";
import {
  applyUpdates,
  average,
  chain,
  type Coefficient,
  quotient,
  scaleBy,
} from "../../src/train/optimizers/update-rules.ts";
import { constant, stepDecay, warmupCosine } from "../../src/train/optimizers/schedules.ts";

beforeAll(() => startEngine());

const start = [0.5, -1.25, 2, 0.01];
const stream = randomStream(7);
const gradients = Array.from({ length: 50 }, () => start.map(() => stream.normal()));
const rateOf = (step: number) => 0.1 / (1 + step);

/** Runs an optimizer under jit on fixed gradients. */
async function runOptimizer(optimizer: Optimizer): Promise<number[]> {
  const update = jit((params: Params, raw: Params, before: Params, rate: np.Array) => {
    const [updates, state] = optimizer.update(raw, before, params);
    return { params: applyUpdates(params, updates, rate), state };
  });
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

const rmspropRule =
  (decay: number): Rule =>
  (_, gradient, memory) => {
    memory.v = decay * memory.v + (1 - decay) * gradient ** 2;
    return gradient / (Math.sqrt(memory.v) + 1e-8);
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
  ["adamW", adamW({ weightDecay: 0.2 }), adamRule(0.2, true)],
  ["rmsprop", rmsprop({ decay: 0.95 }), rmspropRule(0.95)],
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

/** Three networks [3, 4] under one optimizer; network i sees the gradients times i + 1. */
async function runTogether(optimizer: Optimizer): Promise<number[][]> {
  const repeat = (values: readonly number[], times: (i: number) => number) =>
    np.array([0, 1, 2].map((i) => values.map((value) => value * times(i))));
  let params: Params = { w: repeat(start, () => 1) };
  let state = optimizer.init(params);
  for (const gradient of gradients) {
    const raw = { w: repeat(gradient, (i) => i + 1) };
    const [updates, next] = optimizer.update(raw, state, params);
    [params, state] = [applyUpdates(params, updates), next];
  }
  const values = await params["w"].data();
  return [0, 1, 2].map((i) => Array.from(values.slice(4 * i, 4 * i + 4)));
}

const each: Record<string, (value: (options: readonly number[]) => Coefficient) => Optimizer> = {
  adam: (value) =>
    adam({
      rate: value([0.1, 0.2, 0.05]),
      beta1: value([0.9, 0, 0.5]),
      beta2: value([0.999, 0.9, 0.99]),
      epsilon: value([1e-8, 1e-3, 1e-2]),
      weightDecay: value([0, 0.1, 0.2]),
    }),
  rmsprop: (value) => rmsprop({ rate: value([0.01, 0.02, 0.03]), decay: value([0.9, 0.5, 0.99]) }),
  nesterov: (value) =>
    sgd({
      rate: value([0.1, 0.2, 0.05]),
      momentum: value([0.9, 0.5, 0.1]),
      weightDecay: value([0, 0.1, 0.2]),
      nesterov: true,
    }),
};

test.each(Object.keys(each))(
  "%s with one hyper-parameter a network trains each network as with its own numbers",
  async (name) => {
    const found = await runTogether(each[name]((options) => np.array([...options])));
    for (const i of [0, 1, 2]) {
      const alone = await runTogether(each[name]((options) => options[i]));
      for (const [k, value] of found[i].entries()) expect(value).toBeCloseTo(alone[i][k], 5);
      const other = (i + 1) % 3; // control: the numbers of another network give another result
      expect(Math.abs(found[other][0] - alone[other][0])).toBeGreaterThan(1e-3);
    }
  },
);

test("two rules of a chain that keep their state under one name are refused; other names are not", () => {
  const params = { w: np.array(start) };
  const sum = (slot: string) => average({ keep: 0.9, slot });
  expect(() => chain(sum("velocity"), sum("velocity")).init(params)).toThrow(
    'chain: two rules keep a state called "velocity/w"',
  );
  expect(() => quotient(sum("a"), sum("a")).init(params)).toThrow('called "a/w"');
  const state = chain(sum("velocity"), scaleBy(2), sum("slow")).init(params);
  expect(Object.keys(state)).toEqual(["velocity/w", "slow/w"]);
});

test("options out of range are refused by name", () => {
  expect(() => adam({ beta1: 1 })).toThrow("adam: beta1 expected");
  expect(() => rmsprop({ decay: 1.5 })).toThrow("rmsprop: decay expected");
  expect(() => adamW({ rate: -1 })).toThrow("adam: rate expected");
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
