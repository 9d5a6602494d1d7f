import { specOfLayer } from "../../../src/populations/networks/layer-spec.ts";
import { specToJSON } from "../../../src/symmetry/json.ts";
import { withPhases } from "../../../src/symmetry/phases.ts";
import { specDifference } from "../../../src/symmetry/same-spec.ts";
import { blockUntilReady, grad, jit, numpy as np, vmap } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { randomStream } from "../../../src/core/random.ts";
import { startEngine } from "../../../src/engine/start.ts";
import type { WeightBatch } from "../../../src/models/model.ts";
import { squaredErrorGradient } from "../../../src/populations/layers/elementwise.ts";
import { runBackward, runForward } from "../../../src/populations/layers/layer.ts";
import { initSiren, siren } from "../../../src/populations/networks/siren.ts";
import { formatAxisExpression } from "../../../src/symmetry/expression.ts";
import { inferSpecFromFunction } from "../../../src/trace/infer-function.ts";
import { applyUpdates } from "../../../src/train/optimizers/update-rules.ts";
import { adam } from "../../../src/train/optimizers/optimizers.ts";
import { distances, keep, normalArray } from "../../support/layer-laws.ts";

beforeAll(() => startEngine());

const options = { inputs: 2, hidden: 16, outputs: 3, depth: 2, omega: 10 };
const network = siren(options);
/** Four networks with weights of their own. */
function initial(): WeightBatch {
  const all = [1, 2, 3, 4].map((seed) => initSiren(options, randomStream(seed)));
  return Object.fromEntries(
    Object.entries(network.shapes).map(([name, shape]) => {
      const data = Float32Array.from(all.flatMap((weights) => [...weights[name].data]));
      return [name, np.array(data, { shape: [4, ...shape] })];
    }),
  );
}
const points = () => normalArray([1, 32, 2], 3, 0.5);
const values = () => normalArray([4, 32, 3], 4, 0.5);

test("gradients of the squared error are those of automatic differentiation, and not those of other targets", async () => {
  const weights = initial();
  const loss = (w: WeightBatch) => {
    const one = (v: WeightBatch, x: np.Array) => network.apply(v, x);
    const outputs = vmap(one, [0, null])(w, np.squeeze(points(), 0));
    return np.sum(np.mean(np.square(np.subtract(outputs, values())), [1, 2]));
  };
  const written = (targets: np.Array) =>
    runBackward(network, weights, points(), (outputs) => squaredErrorGradient(outputs, targets));
  const automatic = () => grad(loss)(keep(weights)) as WeightBatch;
  for (const error of Object.values(await distances(written(values()), automatic())))
    expect(error).toBeLessThan(1e-4);
  const others = await distances(written(normalArray([4, 32, 3], 5, 0.5)), automatic());
  for (const error of Object.values(others)) expect(error).toBeGreaterThan(0.01);
});

test("four networks with a rate each learn their own values; one with rate 0 stays as it was", async () => {
  const rates = np.array([0.003, 0.003, 0.001, 0]);
  const step = jit((params: WeightBatch, raw: WeightBatch, before: WeightBatch, rate: np.Array) => {
    const [updates, next] = adam({ rate }).update(raw, before, params);
    rate.dispose();
    return [applyUpdates(params, updates), next];
  });
  let weights = initial();
  let state = adam().init(weights);
  const errors = async () => {
    const outputs = await runForward(network, weights, points()).data();
    const wanted = await values().data();
    const error = (i: number) =>
      Array.from(outputs.slice(96 * i, 96 * i + 96)).reduce(
        (sum, value, k) => sum + (value - wanted[96 * i + k]) ** 2 / 96,
        0,
      );
    return [0, 1, 2, 3].map(error);
  };
  const before = await errors();
  for (let t = 0; t < 40; t++) {
    const gradients = runBackward(network, weights, points(), (outputs) =>
      squaredErrorGradient(outputs, values()),
    );
    [weights, state] = step(weights, gradients, state, rates.ref);
    await blockUntilReady([weights, state]);
  }
  const after = await errors();
  for (const i of [0, 1, 2]) expect(after[i]).toBeLessThan(0.6 * before[i]);
  expect(after[3]).toBe(before[3]);
});

test("its traced spec has hidden units that may be reordered and have phases; as a population it has their signs", async () => {
  const { spec } = await inferSpecFromFunction(
    (weights, x) => network.apply(weights, x),
    Object.fromEntries(Object.entries(network.shapes).map(([name, shape]) => [name, { shape }])),
    [{ shape: [3, 2] }],
  );
  const axes = (name: string) => spec.tensors[name].axes.map(formatAxisExpression);
  const [hidden] = axes("sine1.bias");
  expect(axes("sine2.weight")[1]).toBe(`${hidden}^-1`);
  expect(spec.axes[hidden]).toMatchObject({
    size: 16,
    group: "permutation",
    scale: "phase",
    omega: options.omega,
  });
  expect(spec.tensors["sine1.bias"].shift).toBe(hidden);
  const population = await specOfLayer(network, [3, 2]);
  expect(population.axes[hidden]).toEqual({ size: 16, group: "permutation", scale: "sign" });
  expect(specToJSON(population).format).toBe("weightspace/spec@1");
  expect(specDifference(withPhases(population, { omega: 10 }), spec)).toBeNull();
  expect(spec.axes[axes("sine1.weight")[1]].group).toBe("fixed"); // control: coordinates
});

test("initial weights lie within the paper's limits and reach far into them; the scale widens them", () => {
  const { "sine1.weight": first, "sine2.weight": second } = initSiren(options, randomStream(1));
  const largest = (data: ArrayLike<number>) => Math.max(...Array.from(data, Math.abs));
  const limit = Math.sqrt(6 / 16) / 10;
  expect(largest(first.data)).toBeLessThanOrEqual(0.5);
  expect(largest(first.data)).toBeGreaterThan(0.4);
  expect(largest(second.data)).toBeLessThanOrEqual(limit);
  expect(largest(second.data)).toBeGreaterThan(0.9 * limit);
  expect(largest(initSiren(options, randomStream(1), 2)["sine2.weight"].data)).toBeGreaterThan(
    limit,
  );
});

test("a network with one output has the gradients of finite differences", async () => {
  const one = siren({ ...options, outputs: 1 });
  const weights = Object.fromEntries(
    Object.entries(one.shapes).map(([name, shape], at) => [
      name,
      normalArray([4, ...shape], 30 + at, 0.2),
    ]),
  );
  const total = async (w: WeightBatch) => {
    const outputs = await runForward(one, w, points()).data();
    return Array.from(outputs).reduce((sum, value) => sum + value, 0);
  };
  const gradients = runBackward(one, weights, points(), (outputs) => {
    outputs.dispose();
    return np.ones([4, 32, 1]);
  });
  for (const name of ["sine1.bias", "sine2.weight"]) {
    const written = await gradients[name].ref.data();
    const data = Float32Array.from(await weights[name].ref.data());
    const moved = (at: number, by: number) => {
      const changed = data.map((value, i) => (i === at ? value + by : value));
      return { ...weights, [name]: np.array(changed, { shape: [...weights[name].shape] }) };
    };
    const place = data.length - 5; // in the last network
    const derivative =
      ((await total(moved(place, 1e-3))) - (await total(moved(place, -1e-3)))) / 2e-3;
    expect(Math.abs(written[place] - derivative)).toBeLessThan(0.02 * Math.abs(derivative) + 0.02);
    expect(Math.abs(written[3] - derivative)).toBeGreaterThan(0.1); // control: another entry
  }
});
