// The sliced functional reads clouds of neurons: it does not see symmetries with scales, and sees other networks.

import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { slicedModel } from "../../src/models/sliced.ts";
import { cnnSpec } from "../../src/symmetry/presets/cnn.ts";
import { mlpSpec, sirenSpec } from "../../src/symmetry/presets/mlp.ts";
import { gruSpec } from "../../src/symmetry/presets/recurrent.ts";
import { transformerSpec } from "../../src/symmetry/presets/transformer.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { toBatch } from "../../src/testing/equivariance.ts";
import { randomWeights } from "../../src/testing/random.ts";
import { networkDistance } from "../../src/transport/index.ts";

beforeAll(() => startEngine());

const specs: [string, SymmetrySpec][] = [
  ["MLP", mlpSpec([4, 6, 5, 3])],
  ["tanh MLP", mlpSpec([4, 6, 5, 3], { scale: "sign" })],
  ["ReLU MLP", mlpSpec([4, 6, 5, 3], { scale: "positive" })],
  ["SIREN", sirenSpec([2, 6, 3])],
  ["CNN", cnnSpec({ channels: [1, 4, 5], classes: 3 })],
  ["GRU", gruSpec({ inputs: 3, hidden: 4, outputs: 2 })],
  ["Transformer", transformerSpec({ layers: 1, heads: 2, width: 8, vocabulary: 5, positions: 4 })],
];

const vectorOf = async (spec: SymmetrySpec, seed: number, element?: number) => {
  const weights = randomWeights(spec, seed);
  const moved =
    element === undefined ? weights : actOn(spec, sampleElement(spec, element), weights);
  const { vector } = slicedModel(spec);
  return (await vector!.read(toBatch(moved)).data()) as Float32Array;
};

describe.each(specs)("%s", (_, spec) => {
  test("its vector does not change along an orbit, and does between networks", async () => {
    const own = await vectorOf(spec, 1);
    const same = await vectorOf(spec, 1, 5);
    const size = Math.max(...own.map(Math.abs));
    own.forEach((v, i) => expect(Math.abs(v - same[i]) / size).toBeLessThan(1e-4));
    const other = await vectorOf(spec, 2);
    expect(Math.max(...own.map((v, i) => Math.abs(v - other[i]))) / size).toBeGreaterThan(0.05);
  });
  test("its head fits its vector", async () => {
    const model = slicedModel(spec, { head: [4, 2], directions: 3, quantiles: 5 });
    const values = await model.apply(model.init(0), toBatch(randomWeights(spec, 1))).data();
    expect(values.length).toBe(2);
  });
});

test("with as many quantiles as neurons, distances of vectors follow sliced W2 of the clouds", async () => {
  const spec = mlpSpec([3, 8, 2], { scale: "sign" });
  const model = slicedModel(spec, { directions: 64, quantiles: 16 });
  const read = async (seed: number) => {
    const values = (await model
      .vector!.read(toBatch(randomWeights(spec, seed)))
      .data()) as Float32Array;
    return values.slice(0, 64 * 16); // without the last bias
  };
  for (const [s, t] of [
    [1, 2],
    [3, 4],
  ]) {
    const [u, v] = [await read(s), await read(t)];
    const apart = Math.sqrt(u.reduce((sum, c, i) => sum + (c - v[i]) ** 2, 0) / u.length);
    const { layers } = networkDistance(spec, randomWeights(spec, s), randomWeights(spec, t), {
      nProjections: 2000,
    });
    expect(apart / layers[0].distance).toBeGreaterThan(0.85);
    expect(apart / layers[0].distance).toBeLessThan(1.15);
  }
});

test("impossible options, and specs of which nothing can be read, are refused", () => {
  expect(() => slicedModel(mlpSpec([2, 3, 1]), { directions: 0 })).toThrow(
    /directions expected a whole number of at least 1, got 0/,
  );
  const basis = defineSpec({
    axes: { g: { size: 3, group: "general-linear" } },
    tensors: { w: ["g", "g^-1"] },
  });
  expect(() => slicedModel(basis)).toThrow(/can be read as a cloud/);
});
