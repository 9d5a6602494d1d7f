// A model in stages against the same model compiled whole: losses, predictions and every gradient, with a control.

import { jit, numpy as np, random, valueAndGrad } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import type { Model, Params } from "../../src/models/model.ts";
import type { EquivariantModel } from "../../src/models/model.ts";
import { buildModel } from "../../src/models/registry.ts";
import { equivariantProducts } from "../../src/models/unf-products.ts";
import { equivariantUNF, unf, type UNFOptions } from "../../src/models/unf.ts";
import { toBatch } from "../../src/testing/equivariance.ts";
import { randomSpec, randomWeights } from "../../src/testing/random.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { keepArrays } from "../../src/engine/arrays.ts";
import { compileForward, compileGradients } from "../../src/train/compiled.ts";
import { binaryCrossEntropy } from "../../src/train/measures/objectives.ts";
import { liveArrays } from "../support/live-arrays.ts";

beforeAll(() => startEngine());

const tolerance = 2e-5;
const batch = 3;

/** Options that between them take every path: both kinds of fixed axes, biases, pools, sharing, pointwise layers. */
const variants: readonly UNFOptions[] = [
  {},
  { fixedAxes: "fold", bias: "tensor", pooling: "mean" },
  { aggregation: "sum", bias: "none" },
  { share: { maxDistance: 1 }, positions: false },
  { channels: [1, 5, 6, 4], pointwise: 1 },
];

function weightsOf(spec: SymmetrySpec, seed: number) {
  const networks = Array.from({ length: batch }, (_, i) => toBatch(randomWeights(spec, seed + i)));
  return Object.fromEntries(
    Object.keys(spec.tensors).map((name) => [
      name,
      np.concatenate(
        networks.map((network) => network[name]),
        0,
      ),
    ]),
  );
}

const targets = () => np.array([0.1, 0.5, 0.8], { shape: [batch, 1] });

/** Loss, predictions and gradients, as numbers by name. */
async function numbersOf(
  params: Params,
  results: { value: np.Array; gradients: Params; outputs: np.Array },
): Promise<Record<string, number[]>> {
  const arrays = { loss: results.value, outputs: results.outputs, ...results.gradients };
  const numbers: Record<string, number[]> = {};
  for (const [name, array] of Object.entries(arrays)) numbers[name] = [...(await array.data())];
  expect(Object.keys(results.gradients).toSorted()).toEqual(Object.keys(params).toSorted());
  return numbers;
}

async function staged(model: Model, spec: SymmetrySpec, seed: number, key?: np.Array) {
  const params = model.init(seed);
  const [forward, backward] = [compileForward(model), compileGradients(model, binaryCrossEntropy)];
  const outputs = await forward.run(keepArrays(params), weightsOf(spec, seed));
  const made = await backward.run(keepArrays(params), weightsOf(spec, seed), targets(), key);
  const numbers = await numbersOf(params, { ...made, outputs });
  for (const array of Object.values(params)) array.dispose();
  forward.dispose();
  backward.dispose();
  return numbers;
}

async function whole(model: Model, spec: SymmetrySpec, seed: number, key?: np.Array) {
  const params = model.init(seed);
  const outputs = model.apply(keepArrays(params), weightsOf(spec, seed));
  const keyed = key === undefined ? {} : { key };
  const compiled = jit((p: Params) =>
    valueAndGrad((q: Params) =>
      binaryCrossEntropy.value(model.apply(q, weightsOf(spec, seed), keyed), targets()),
    )(p),
  );
  const [value, gradients] = compiled(keepArrays(params));
  const numbers = await numbersOf(params, { value, gradients, outputs });
  for (const array of Object.values(params)) array.dispose();
  return numbers;
}

/** Largest difference of any name's numbers, relative to the largest number of that name. */
function difference(a: Record<string, number[]>, b: Record<string, number[]>): number {
  expect(Object.keys(a).toSorted()).toEqual(Object.keys(b).toSorted());
  const errors = Object.keys(a).map((name) => {
    const largest = (values: number[]) =>
      values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    return largest(a[name].map((x, i) => x - b[name][i])) / Math.max(2e-3, largest(a[name]));
  });
  return Math.max(...errors);
}

// tanh has no kinks, at which rounding alone would change a gradient
const common = { channels: [1, 5, 4], head: [6, 1], activation: "tanh" } as const;

test.each(variants.map((variant, i) => [JSON.stringify(variant), variant, i] as const))(
  "stages compute what the whole model computes, with %s, on 6 random specs",
  async (_, variant, at) => {
    for (let seed = 10 * at; seed < 10 * at + 6; seed++) {
      const spec = randomSpec(seed, { maxEntries: 300, maxTerms: 200 });
      const model = unf(spec, { ...common, ...variant });
      const numbers = await staged(model, spec, seed);
      const error = difference(numbers, await whole(model, spec, seed));
      expect(error, `seed ${seed}`).toBeLessThan(tolerance);
      const other = { ...common, ...variant, activation: "identity" } as const;
      const control = difference(numbers, await whole(unf(spec, other), spec, seed));
      expect(control, `control of seed ${seed}`).toBeGreaterThan(10 * tolerance);
    }
  },
);

/** Half the sum of squares of all arrays, and its gradient, which is the arrays themselves. */
const halfSquares = {
  valueAndGradient: (output: Params): [np.Array, Params] => [
    Object.values(output)
      .map((array) => np.sum(np.square(array.ref)).mul(0.5))
      .reduce((sum, x) => sum.add(x)),
    output,
  ],
};

/** Loss, arrays and gradients of an equivariant model, stage by stage and whole. */
async function bothWays(model: EquivariantModel, spec: SymmetrySpec, seed: number) {
  const params = model.init(seed);
  const [forward, backward] = [compileForward(model), compileGradients(model, halfSquares)];
  const output = await forward.run(keepArrays(params), weightsOf(spec, seed));
  const unread = np.zeros([1]);
  const made = await backward.run(keepArrays(params), weightsOf(spec, seed), { unread });
  const inStages = { ...made.gradients, loss: made.value, ...output };
  const compiled = jit((p: Params) =>
    valueAndGrad((q: Params) => {
      const [value, arrays] = halfSquares.valueAndGradient(model.apply(q, weightsOf(spec, seed)));
      for (const array of Object.values(arrays)) array.dispose();
      return value;
    })(p),
  );
  const [loss, gradients] = compiled(keepArrays(params));
  const applied = model.apply(keepArrays(params), weightsOf(spec, seed));
  for (const program of [forward, backward]) program.dispose();
  const numbers = async (arrays: Params) =>
    Object.fromEntries(
      await Promise.all(
        Object.entries(arrays).map(async ([name, array]) => [name, [...(await array.data())]]),
      ),
    ) as Record<string, number[]>;
  return [await numbers(inStages), await numbers({ ...gradients, loss, ...applied })] as const;
}

test.each(["kernels", "engine"] as const)(
  "equivariant models are staged: arrays and gradients as of the whole map, on %s",
  async (backend) => {
    const options = { channels: [1, 3, 4], activation: "tanh", backend } as const;
    for (let seed = 40; seed < 42; seed++) {
      const spec = randomSpec(seed, { maxEntries: 300, maxTerms: 200 });
      const [inStages, whole] = await bothWays(equivariantUNF(spec, options), spec, seed);
      expect(difference(inStages, whole), `seed ${seed}`).toBeLessThan(tolerance);
      const [other] = await bothWays(
        equivariantUNF(spec, { ...options, activation: "identity" }),
        spec,
        seed,
      );
      expect(difference(inStages, other), `control of seed ${seed}`).toBeGreaterThan(1e-3);
    }
  },
);

test("equivariant models over products of weights are staged too", async () => {
  const spec = mlpSpec([3, 5, 4, 2], { scale: "sign" });
  const model = equivariantProducts(spec, { channels: [1, 3, 3], activation: "tanh" });
  const [inStages, whole] = await bothWays(model, spec, 5);
  expect(difference(inStages, whole)).toBeLessThan(1e-3);
  const [other] = await bothWays(model, spec, 6);
  expect(difference(inStages, other)).toBeGreaterThan(0.1);
});

test("dropout draws the same units in both", async () => {
  const spec = randomSpec(3, { maxEntries: 300, maxTerms: 200 });
  const model = unf(spec, { ...common, head: [32, 32, 1], dropout: 0.5 });
  const numbers = await staged(model, spec, 3, random.key(5));
  expect(difference(numbers, await whole(model, spec, 3, random.key(5)))).toBeLessThan(tolerance);
  const other = await whole(model, spec, 3, random.key(6));
  expect(difference(numbers, other)).toBeGreaterThan(0.01);
});

test("functionals that respect scales, which leave the pool some tensors only", async () => {
  const spec = mlpSpec([3, 5, 2], { scale: "positive" });
  const model = unf(spec, { ...common, activation: "relu", scales: "respect" });
  const numbers = await staged(model, spec, 5);
  expect(difference(numbers, await whole(model, spec, 5))).toBeLessThan(tolerance);
  const other = unf(spec, { ...common, activation: "relu", bias: "none", scales: "respect" });
  expect(Object.keys(await staged(other, spec, 5))).not.toEqual(Object.keys(numbers));
});

test.each([
  ["unf-products", { channels: [1, 3, 3], head: [6, 1], activation: "tanh" }],
  ["unf-products", { channels: [1, 4, 4], head: [6, 1], activation: "tanh" }],
  ["monomial", { channels: [1, 3, 3], head: [6, 1] }],
  ["magep", { channels: [1, 3, 3], head: [6, 1] }],
  ["magep", { channels: [1, 5, 5], head: [6, 1] }],
])("%s %j over products of weights, with trained and frozen factors", async (name, options) => {
  const spec = mlpSpec([3, 5, 4, 2], { scale: "sign" });
  const model = buildModel(name, spec, options);
  const numbers = await staged(model, spec, 5);
  expect(difference(numbers, await whole(model, spec, 5))).toBeLessThan(1e-3);
  expect(difference(numbers, await whole(model, spec, 6))).toBeGreaterThan(0.1);
});

test("stages leave no arrays behind", async () => {
  const spec = randomSpec(4, { maxEntries: 300, maxTerms: 200 });
  const model = unf(spec, common);
  const live = await liveArrays();
  await staged(model, spec, 4);
  const before = live();
  for (let i = 0; i < 3; i++) await staged(model, spec, 4);
  expect(live()).toBe(before);
});
