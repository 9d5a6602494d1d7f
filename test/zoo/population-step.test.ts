import { numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { startEngine } from "../../src/engine/start.ts";
import { adam, type Optimizer, sgd } from "../../src/train/optimizers/optimizers.ts";
import { applyUpdates } from "../../src/train/optimizers/update-rules.ts";
import {
  initialOptimizerState,
  type PopulationState,
  stepPopulation,
  stepRule,
  stepSizes,
} from "../../src/zoo/training/population-step.ts";
import type { HyperParameters } from "../../src/zoo/recipe.ts";

beforeAll(() => startEngine());

const steps = 25;
const base = { initialScale: 1, labelNoise: 0, dataFraction: 1, batch: 1 };
const hypers: HyperParameters[] = [
  { ...base, optimizer: "sgd", learningRate: 0.1, weightDecay: 0, steps },
  { ...base, optimizer: "momentum", learningRate: 0.02, weightDecay: 0, steps },
  { ...base, optimizer: "adam", learningRate: 0.05, weightDecay: 0.5, steps },
  { ...base, optimizer: "rmsprop", learningRate: 0.01, weightDecay: 0.1, steps },
  { ...base, optimizer: "adam", learningRate: 0.05, weightDecay: 0.5, steps: 10 },
];
/** The same optimizers of training; rmsprop of populations corrects its average, as Adam without a first average does. */
const alone: Optimizer[] = [
  sgd({ rate: 0.1 }),
  sgd({ rate: 0.02, momentum: 0.9 }),
  adam({ rate: 0.05, weightDecay: 0.5 }),
  adam({ rate: 0.01, beta1: 0, weightDecay: 0.1 }),
  adam({ rate: 0.05, weightDecay: 0.5 }),
];

const start = [0.5, -1.25, 2, 0.01];
/** Gradients of step t for network i. */
function gradientsOf(i: number): number[][] {
  const random = randomStream(i);
  return Array.from({ length: steps }, () => start.map(() => random.normal()));
}

async function trainAlone(optimizer: Optimizer, i: number, count: number): Promise<number[]> {
  let params: Record<string, np.Array> = { w: np.array(start) };
  let state = optimizer.init(params);
  for (const gradient of gradientsOf(i).slice(0, count)) {
    const [updates, next] = optimizer.update({ w: np.array(gradient) }, state, params);
    [params, state] = [applyUpdates(params, updates), next];
  }
  return Array.from(await params["w"].data());
}

test("each network of a population steps as its own optimizer of training, and stands still once it has stopped", async () => {
  const weights = { w: np.array(hypers.map(() => start)) };
  let state: PopulationState = { weights, optimizer: initialOptimizerState(weights) };
  const rule = stepRule(hypers);
  const all = hypers.map((_, i) => gradientsOf(i));
  for (let t = 0; t < steps; t++) {
    const gradients = { w: np.array(all.map((gradient) => gradient[t])) };
    state = stepPopulation(state, gradients, rule, stepSizes(hypers, t));
  }
  const found = Array.from(await state.weights["w"].data());
  for (const [i, optimizer] of alone.entries()) {
    const own = found.slice(4 * i, 4 * i + 4);
    const expected = await trainAlone(optimizer, i, hypers[i].steps);
    for (const [k, value] of own.entries()) expect(value).toBeCloseTo(expected[k], 5);
    const other = await trainAlone(alone[(i + 1) % 4], i, hypers[i].steps); // control
    expect(Math.max(...own.map((value, k) => Math.abs(value - other[k])))).toBeGreaterThan(1e-2);
  }
  const further = await trainAlone(alone[4], 4, steps); // control: it would have gone on
  expect(Math.abs(found[16] - further[0])).toBeGreaterThan(1e-3);
});
