// The models of the registry: invariant as declared, reproducible, and their statistics right.

import { jit, numpy as np, random } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { buildModel, modelNames, modelEntry } from "../../src/models/registry.ts";
import type { Params } from "../../src/models/model.ts";
import { weightStatistics } from "../../src/models/stat-nn.ts";
import { magep } from "../../src/models/magep.ts";
import { monomial } from "../../src/models/monomial.ts";
import { transformerNFN } from "../../src/models/transformer-nfn.ts";
import { equivariantUNF, unf } from "../../src/models/unf.ts";
import { equivariantProducts, unfProducts } from "../../src/models/unf-products.ts";
import { dropUnits } from "../../src/layers/pointwise/dense.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { invarianceError, toBatch } from "../../src/testing/equivariance.ts";
import { randomWeights } from "../../src/testing/random.ts";
import { refAll, weightFunction } from "../support/maps.ts";

beforeAll(() => startEngine());

const spec = mlpSpec([4, 6, 3], { scale: "positive" });

/** Transformer-NFN reads Transformers only, the editor sine networks, probes networks of tasks; they have files of their own. */
const names = modelNames().filter(
  (name) => !["transformer-nfn", "picture-editor", "network-probes"].includes(name),
);

test.each([unf, equivariantUNF, unfProducts, equivariantProducts, monomial, magep, transformerNFN])(
  "$name refuses channels without a layer",
  (build) => {
    const message = /channels needs an input and at least one layer, got 1 entries/;
    expect(() => build(spec, { channels: [1] })).toThrow(message);
    expect(() => build(spec, { channels: [1, 2] })).not.toThrow(message);
  },
);

describe.each(names)("%s", (name) => {
  const model = buildModel(name, spec);
  test(`is ${modelEntry(name).invariant ? "" : "not "}invariant to hidden permutations, as declared`, async () => {
    const error = await invarianceError(spec, weightFunction(model, model.init(1)), { seed: 3 });
    if (modelEntry(name).invariant) expect(error).toBeLessThan(1e-5);
    else expect(error).toBeGreaterThan(1e-3);
  });
  test("starts the same for the same seed, and otherwise not", async () => {
    const values = async (seed: number) =>
      Array.from(await weightFunction(model, model.init(seed))(randomWeights(spec, 2)));
    const first = await values(1);
    expect(await values(1)).toEqual(first);
    expect(await values(2)).not.toEqual(first);
  });
  test("predicts every network of a batch on its own", async () => {
    const params = model.init(1);
    const [a, b] = [1, 2].map((seed) => toBatch(randomWeights(spec, seed)));
    const both = Object.fromEntries(
      Object.keys(a).map((tensor) => [tensor, np.concatenate([a[tensor].ref, b[tensor].ref], 0)]),
    );
    const alone = [
      await model.apply(refAll(params), a).data(),
      await model.apply(refAll(params), b).data(),
    ].map(([x]) => x);
    const together = Array.from(await model.apply(params, both).data());
    for (const [i, value] of alone.entries()) expect(together[i]).toBeCloseTo(value, 5);
  });
});

test("magep refuses to be one compiled program where the engine computes it wrongly, and only there", async () => {
  const compiled = (channels: number[]) => {
    const model = buildModel("magep", spec, { channels, head: [4, 1] });
    const whole = jit((p: Params, w: Params) => model.apply(p, w));
    return whole(model.init(1), toBatch(randomWeights(spec, 1))).data();
  };
  await expect(async () => compiled([1, 4, 4])).rejects.toThrow(/cannot be one compiled program/);
  await expect(compiled([1, 3, 3])).resolves.toHaveLength(1);
});

test("unknown models are refused with the names there are", () => {
  expect(() => buildModel("toString", spec)).toThrow(/expected one of unf, /);
});

test.each([
  ["unf", { chanels: [1, 2] }, /no option chanels, expected an object with channels, /],
  [
    "unf",
    { channels: [1, -2] },
    /channels expected a list of whole numbers of at least 1, got \[1,-2\]/,
  ],
  ["unf-hybrid", { channels: [1, 8] }, /channels expected sizes after 1 pointwise layers/],
  ["unf", { channels: [1, 2], head: [0, 1] }, /head expected a list of whole numbers/],
  ["stat-nn", [1], /no option \[1\]/],
  ["linear", { head: [1] }, /no option head, expected an object with outputs/],
  ["unf", { aggregation: "max" }, /aggregation expected one of mean, sum, got "max"/],
  ["unf", { activation: "swish" }, /activation expected one of relu, /],
  ["unf", { pooling: "max" }, /pooling expected one of/],
  ["unf", { fixedAxes: "foo" }, /fixedAxes expected one of/],
  ["unf", { pointwise: 99 }, /pointwise expected a number from 0 to 2/],
  ["unf", { share: { maxDistance: "a" } }, /maxDistance expected/],
  ["nfn-np", { fixedAxes: "fold" }, /model "nfn-np" has no option fixedAxes/],
  ["nfn-hnp", { positions: 1 }, /positions expected one of true, false, got 1/],
  ["linear", { outputs: 0.5 }, /outputs expected a whole number of at least 1, got 0.5/],
  ["deep-sets", { channels: "1,16" }, /channels expected a list of whole numbers.*got "1,16"/],
  ["unf", { share: true }, /share expected an object, as in .*, got true/],
  ["stat-nn", { head: [] }, /head expected a list/],
  ["flat-mlp", { dropout: 5 }, /dropout expected a rate/],
])("%s refuses the options %j", (name, options, message) => {
  expect(() => buildModel(name, spec, options as Record<string, unknown>)).toThrow(message);
});

test.each(names)("%s refuses batches that do not fit, naming the tensor", (name) => {
  const model = buildModel(name, spec);
  const good = () => toBatch(randomWeights(spec, 1));
  const apply = (change: Record<string, np.Array>) => () =>
    model.apply(model.init(0), { ...good(), ...change });
  expect(apply({ "fc1.weight": np.zeros([1, 4, 6]) })).toThrow(
    /"fc1.weight" has shape \[1, 4, 6\], expected \[batch, 6, 4\]/,
  );
  expect(apply({ "fc9.weight": np.zeros([1, 4]) })).toThrow(/"fc9.weight" is not in the spec/);
  expect(apply({ "fc2.bias": np.zeros([2, 3]) })).toThrow(
    /"fc2.bias" holds 2 networks but "fc1.weight" holds 1/,
  );
  const { "fc1.bias": _, ...missing } = good();
  expect(() => model.apply(model.init(0), missing)).toThrow(/"fc1.bias" of the spec is missing/);
});

test("statistics are mean, variance and quantiles 0, 25, 50, 75, 100 of every tensor", async () => {
  const small = defineSpec({
    axes: { a: { size: 5, group: "permutation" } },
    tensors: { t: ["a"], s: [] },
  });
  const values = await weightStatistics(small, {
    t: np.array(Float32Array.of(3, 1, 2, 10, 4)).reshape([1, 5]),
    s: np.array(Float32Array.of(7)).reshape([1]),
  }).data();
  expect(Array.from(values).map((x) => Number(x.toFixed(4)))).toEqual([
    4, 10, 1, 2, 3, 4, 10, 7, 0, 7, 7, 7, 7, 7,
  ]);
});

test("dropout zeroes the stated share, keeps the mean, and is off without a key", async () => {
  const dropped = Array.from(await dropUnits(np.ones([100, 100]), random.key(3), 0.3).data());
  const zeros = dropped.filter((x) => x === 0).length / dropped.length;
  expect(zeros).toBeCloseTo(0.3, 1);
  expect(dropped.reduce((a, b) => a + b, 0) / dropped.length).toBeCloseTo(1, 1);
  const model = unf(spec, { channels: [1, 2], head: [32, 1], dropout: 0.5 });
  const params = model.init(0);
  const run = async (key?: np.Array) =>
    Array.from(
      await model.apply(refAll(params), toBatch(randomWeights(spec, 1)), key && { key }).data(),
    );
  expect(await run()).toEqual(await run());
  expect(await run(random.key(1))).not.toEqual(await run(random.key(2)));
});
