// Values that are known in closed form (I16, I18 to I20), and the directions that estimates are drawn along.

import { describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { orthonormalDirections, randomProjections } from "../../src/transport/directions.ts";
import { lineTree, sampleTrees } from "../../src/transport/sample-trees.ts";
import { slicedWasserstein } from "../../src/transport/sliced.ts";
import { energyDistance, slicedWassersteinLCV } from "../../src/transport/sliced-variants.ts";
import { treeFlow } from "../../src/transport/tree-flow.ts";
import { treeSlicedWasserstein } from "../../src/transport/tree-sliced.ts";
import { normalCloud, type Rows, star } from "../support/transport/clouds.ts";

const db = (delta: number) => ({ kind: "distance", delta }) as const;
const [x, y] = [normalCloud(6, 3, 1), normalCloud(6, 3, 2)];
const moved = (rows: Rows, by: readonly number[]) =>
  rows.map((row) => row.map((c, i) => c + by[i]));

describe("values in closed form", () => {
  test.each([
    [0, 1],
    [1, 1.4621171573],
    [2, 1.761594156],
  ])("I18 two orthogonal points, delta %d: 2 / (1 + e^-delta)", (delta, expected) => {
    const axes = [
      star(
        [0, 0],
        [
          [1, 0],
          [0, 1],
        ],
      ),
    ];
    const value = treeSlicedWasserstein([[1, 0]], [[0, 1]], { trees: axes, splitting: db(delta) });
    expect(value).toBeCloseTo(expected, 9);
    expect(value).toBeCloseTo(2 / (1 + Math.exp(-delta)), 14);
  });
  test("I16 order 2 on one line tends to the energy distance: value^2 = c_d / 2 * energy", () => {
    const trees = sampleTrees({ trees: 20_000, lines: 1, dimension: 3, seed: 4 });
    const { power, perTree } = treeSlicedWasserstein(x, y, { trees, order: 2, log: true });
    const expected = (0.5 * energyDistance(x, y)) / 2; // c_3 = 1/2
    const variance = perTree.reduce((s, v) => s + (v - power) ** 2, 0) / perTree.length;
    const error = Math.sqrt(variance / perTree.length);
    expect(Math.abs(power - expected)).toBeLessThan(4 * error);
    expect(Math.abs(power - 2 * expected)).toBeGreaterThan(20 * error);
  });
  test("I19 a cloud and the same cloud shifted by v: SW_2^2 = |v|^2 / d, SW_1 = c_d |v|", () => {
    const v = [0.5, -1, 2];
    const length = Math.hypot(...v);
    const options = { nProjections: 40_000, seed: 2 };
    const second = slicedWasserstein(x, moved(x, v), options);
    expect(second ** 2 / (length ** 2 / 3)).toBeCloseTo(1, 1);
    expect(slicedWasserstein(x, moved(x, v), { ...options, p: 1 }) / (length / 2)).toBeCloseTo(
      1,
      1,
    );
    // The control variate knows this case exactly, from few directions.
    const known = slicedWassersteinLCV(x, moved(x, v), { nProjections: 20 });
    expect(known ** 2).toBeCloseTo(length ** 2 / 3, 10);
    const plain = slicedWasserstein(x, moved(x, v), { nProjections: 20 });
    expect(Math.abs(plain ** 2 - length ** 2 / 3)).toBeGreaterThan(0.01);
  });
  test("I19 normal clouds that differ by shift and scale: SW_2^2 = |shift|^2 / d + (s1 - s2)^2", () => {
    const shift = [0.5, -1, 2];
    const drawn = normalCloud(400, 3, 8);
    const mean = [0, 1, 2].map((j) => drawn.reduce((sum, row) => sum + row[j] / 400, 0));
    const centred = moved(
      drawn,
      mean.map((c) => -c),
    );
    const variance = centred.flat().reduce((sum, c) => sum + c * c, 0) / 1200;
    const ofScale = (scale: number) =>
      centred.map((row) => row.map((c) => (scale * c) / Math.sqrt(variance)));
    const options = { nProjections: 20_000, seed: 3, log: true } as const;
    const { projectedEmds } = slicedWasserstein(ofScale(1), moved(ofScale(2.5), shift), options);
    const average = projectedEmds.reduce((sum, v) => sum + v, 0) / 20_000;
    const spread = projectedEmds.reduce((sum, v) => sum + (v - average) ** 2, 0) / 20_000;
    const error = Math.sqrt(spread / 20_000);
    const expected = (0.25 + 1 + 4) / 3 + 1.5 ** 2;
    expect(Math.abs(average - expected)).toBeLessThan(4 * error);
    expect(error).toBeLessThan(0.05);
    expect(Math.abs(average - expected + 1.5 ** 2)).toBeGreaterThan(20 * error); // control
  });
  test("I20 masses beyond each atom of a line, outwards from its source", () => {
    const tree = lineTree([0], [[1]], [-1], [0]);
    const coordinates = [Float64Array.of(2, -1, -2, 1)];
    const { lines } = treeFlow(tree, coordinates, {
      shares: [Float64Array.of(1, 1, 1, 1)],
      signed: Float64Array.of(0.1, 0.2, 0.3, 0.4),
    });
    const [{ keys, order, flow }] = lines;
    expect([...order].map((atom) => keys[atom])).toEqual([-2, -1, 0, 1, 2]);
    const outward = [0.3, 0.5, -0.5, -0.1]; // beyond the source the flow runs the other way
    outward.forEach((mass, j) => expect(flow[j]).toBeCloseTo(mass, 14));
  });
});

test("random directions have length 1; orthonormal ones are orthogonal; seeds fix and change them", () => {
  const projections = randomProjections(4, 20, 1);
  const columns = projections[0].map((_, l) => projections.map((row) => row[l]));
  for (const direction of columns) expect(Math.hypot(...direction)).toBeCloseTo(1, 14);
  const system = orthonormalDirections(4, 4, randomStream(1));
  system.forEach((u, i) =>
    system.forEach((v, j) =>
      expect(u.reduce((sum, c, k) => sum + c * v[k], 0)).toBeCloseTo(i === j ? 1 : 0, 13),
    ),
  );
  expect(randomProjections(4, 20, 1)).toEqual(projections);
  expect(randomProjections(4, 20, 2)).not.toEqual(projections);
});
