// Functionals on networks of sines and cosines: those that respect scales do not see phases, once trained; plans that could not respect
// them are refused.

import { beforeAll, describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { keepArrays } from "../../src/engine/arrays.ts";
import { startEngine } from "../../src/engine/start.ts";
import { moveDataset, parseMove } from "../../src/experiment/data/move-dataset.ts";
import { equivariantUNF, unf } from "../../src/models/unf.ts";
import { magep } from "../../src/models/magep.ts";
import { monomial } from "../../src/models/monomial.ts";
import type { Model } from "../../src/models/model.ts";
import { equivariantProducts, unfProducts } from "../../src/models/unf-products.ts";
import { planSpec } from "../../src/plan/plan-spec.ts";
import { deriveProducts } from "../../src/plan/products/derive-products.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { sirenSpec } from "../../src/symmetry/presets/mlp.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { randomWeights } from "../../src/testing/random.ts";
import type { WeightDataset } from "../../src/train/dataset.ts";
import { fit } from "../../src/train/fit.ts";
import { fitNormalization, normalize } from "../../src/train/normalization.ts";
import { predict } from "../../src/train/predict.ts";

const omega = 30;
const sine = sirenSpec([2, 8, 8, 1], { omega });
const cosine: SymmetrySpec = {
  ...sine,
  axes: Object.fromEntries(
    Object.entries(sine.axes).map(([name, axis]) => [
      name,
      axis.scale === "phase" ? { ...axis, wave: "cosine" as const } : axis,
    ]),
  ),
};

/** Networks of the sizes that SIRENs have, with what they give at 0 as target: a function of the network alone. */
function networksOf(spec: SymmetrySpec, size: number, seed: number): WeightDataset {
  const random = randomStream(seed);
  const all = Array.from({ length: size }, (_, i) => randomWeights(spec, 100 * seed + i));
  const tensors = Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape, shift }]) => {
      const std = shift === undefined ? 0.3 : 0.1;
      const data = Float32Array.from(all.flatMap((one) => [...one[name].data].map((x) => std * x)));
      return [name, { shape, data }];
    }),
  );
  return {
    spec,
    size,
    tensors,
    targets: Float32Array.from({ length: size }, () => random.uniform()),
  };
}

/** One network again and again. */
function copiesOf({ spec, tensors }: WeightDataset, count: number): WeightDataset {
  const repeated = Object.entries(tensors).map(([name, { shape, data }]) => {
    const size = shape.reduce((product, n) => product * n, 1);
    const first = [...data.subarray(0, size)];
    return [
      name,
      { shape, data: Float32Array.from({ length: count * size }, (_, i) => first[i % size]) },
    ];
  });
  return {
    spec,
    size: count,
    tensors: Object.fromEntries(repeated) as WeightDataset["tensors"],
    targets: new Float32Array(count),
  };
}

const waves = [
  ["sine", sine],
  ["cosine", cosine],
] as const;

/** Linear layers alone see the last bias only. */
const nearlyBlind = "unf that respects scales";
const readers: Readonly<Record<string, (spec: SymmetrySpec) => Model>> = {
  "unf-products": (spec) => unfProducts(spec, { channels: [1, 6, 6], head: [8, 1] }),
  monomial: (spec) => monomial(spec, { channels: [1, 5], head: [8, 1] }),
  magep: (spec) => magep(spec, { channels: [1, 5, 5], head: [8, 1] }),
  [nearlyBlind]: (spec) =>
    unf(spec, { channels: [1, 5, 5], head: [8, 1], scales: "respect", activation: "tanh" }),
};

describe("trained readers", () => {
  beforeAll(() => startEngine());

  const spread = (values: Float32Array) => Math.max(...values) - Math.min(...values);

  for (const [name, build] of Object.entries(readers))
    for (const [wave, spec] of name === "unf-products" ? waves : waves.slice(0, 1))
      test(`${name} gives the same for 200 copies of a ${wave} network with up to 40 windings`, async () => {
        const train = networksOf(spec, 24, 1);
        const normalization = fitNormalization(train);
        const model = build(spec);
        let params = model.init(0);
        const events = fit(
          model,
          { train: normalize(train, normalization, "linear") },
          {
            epochs: 3,
            seed: 1,
            batchSize: 8,
          },
        );
        for await (const event of events) if (event.type === "done") params = event.params;
        const give = async (networks: WeightDataset) =>
          predict(model, keepArrays(params), normalize(networks, normalization, "linear"));
        const copies = copiesOf(networksOf(spec, 1, 2), 200);
        const moved = await give(moveDataset(copies, 3, parseMove("phases:40")));
        expect(spread(moved)).toBeLessThan(1e-4);
        // The control: other networks get other numbers, and half a winding shows.
        const others = spread(await give(networksOf(spec, 16, 4)));
        expect(others).toBeGreaterThan(1e-3);
        if (name === nearlyBlind) return;
        const half = moveDataset(copies, 3, parseMove("phases:40"));
        half.tensors["fc1.bias"].data.forEach(
          (x, i, data) => (data[i] = x + Math.PI / (2 * omega)),
        );
        expect(Math.abs((await give(half))[0] - moved[0])).toBeGreaterThan(1e-3);
      });
});

test("plans that could not respect phases are refused; those that ignore scales are as without them", () => {
  expect(() => planSpec(sine, { scales: "respect" })).toThrow(
    /axis "h1" has phases, .*unf-products/,
  );
  expect(() => deriveProducts(lowerSpec(sine))).toThrow(/has phases/);
  expect(() => equivariantProducts(sine)).toThrow(/has phases/);
  expect(() => equivariantUNF(sine, { scales: "respect", activation: "tanh" })).toThrow(
    /has phases/,
  );
  const plain = sirenSpec([2, 8, 8, 1]);
  expect(planSpec(sine).plan).toEqual(planSpec(plain).plan);
  expect(planSpec(plain, { scales: "respect" }).plan.terms).toBeGreaterThan(0);
});

test("units whose biases are not theirs alone are refused with the way out", () => {
  const axes = {
    in: { size: 2, group: "fixed" },
    h: { size: 4, group: "permutation", scale: "phase", omega: 3 },
  } as const;
  const shifted = { axes: ["h"], shift: "h" };
  const two = defineSpec({
    axes,
    tensors: { w: ["h", "in"], b: shifted, c: shifted, v: ["in", "h^-1"] },
  });
  expect(() => unfProducts(two)).toThrow(/"b", "c" are shifted along it.*weakenSpec/);
  const mixed = defineSpec({
    axes,
    tensors: { w: ["2 * h", "in"], b: shifted, v: ["in", "h^-1"] },
  });
  expect(() => unfProducts(mixed)).toThrow(/dimension 0 of tensor "w" has axis "h" beside others/);
  expect(() => unfProducts(sine, { channels: [2, 4] })).toThrow(/expected 1 input channel, got 2/);
});
