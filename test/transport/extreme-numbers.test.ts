// Distances at the ends of what numbers hold: very large orders, very small and large clouds, points on lines, infinite delta.

import { describe, expect, test } from "vitest";
import { lengthOf } from "../../src/transport/directions.ts";
import {
  energyDistance,
  maxSlicedWasserstein,
  minSlicedTransportPlan,
  pooledMoments,
  sampleTrees,
  slicedWasserstein,
  slicedWassersteinGradient,
  slicedWassersteinLCV,
  treeSlicedWasserstein,
  treeSlicedWassersteinGradient,
  wasserstein1d,
} from "../../src/transport/index.ts";
import { sobolevIntegral } from "../../src/transport/sobolev.ts";
import { differences, fixtureC, normalCloud, type Rows } from "../support/transport/clouds.ts";

const db = (delta: number, unit = 1) => ({ kind: "distance", delta, unit }) as const;

describe("orders whose powers underflow or overflow", () => {
  const axis = [[1], [0]];
  const x = [
    [0, 0],
    [1, 5],
  ];
  test.each([0.4, 3, 1e-3])("order 1000 on one direction tends to the largest way, %d", (way) => {
    const y = x.map(([c, d]) => [c + way, d]);
    const options = { p: 1000, projections: axis };
    expect([0, Infinity]).toContain(way ** 1000); // control: the power alone is lost
    expect(slicedWasserstein(x, y, options)).toBeCloseTo(way, 12);
    expect(slicedWassersteinLCV(x, y, options)).toBeCloseTo(way, 12);
    expect(maxSlicedWasserstein(x, y, { ...options, steps: 0 })).toBeCloseTo(way, 12);
    if (way < 1) {
      const { value, x: gradient } = slicedWassersteinGradient(x, y, options);
      expect(value).toBeCloseTo(way, 12);
      const expected = [-0.5, 0, -0.5, 0];
      gradient.data.forEach((derivative, i) => expect(derivative).toBeCloseTo(expected[i], 9));
    }
  });
  test("slices that numbers cannot hold are refused, the distance is not", () => {
    const y = x.map(([c, d]) => [c + 3, d]);
    const log = () => slicedWasserstein(x, y, { p: 1000, projections: axis, log: true });
    expect(log).toThrow(/slicedWasserstein: .*overflows/);
  });
  test.each([1.5, 40, 400, 1000])(
    "tree-sliced, order %d: gradients are those of the value",
    (order) => {
      const { x: u, y: v, trees } = fixtureC;
      const options = { trees, order, splitting: db(1) };
      const { value, x: gradient } = treeSlicedWassersteinGradient(u, v, options);
      expect(value).toBe(treeSlicedWasserstein(u, v, options));
      expect(value).toBeGreaterThan(0.1);
      const numeric = differences((rows) => treeSlicedWasserstein(rows, v, options), u);
      gradient.data.forEach((derivative, i) => expect(derivative).toBeCloseTo(numeric[i], 7));
      expect(gradient.data.some((derivative) => Math.abs(derivative) > 1e-4)).toBe(true);
    },
  );
  test("order 1000 of a tree tends to its largest flow", () => {
    const trees = sampleTrees({ trees: 1, lines: 1, dimension: 1, seed: 1 });
    const apart = treeSlicedWasserstein([[0], [5]], [[1], [5]], { trees, order: 1000 });
    expect(apart).toBeCloseTo(0.5, 3);
    expect(treeSlicedWasserstein([[0], [5]], [[5], [0]], { trees, order: 1000 })).toBe(0); // control
  });
});

describe.each([1e-200, 1e-160, 1e200, 1e300])("clouds scaled by %d", (scale) => {
  const scaled = (rows: Rows) => rows.map((row) => row.map((c) => c * scale));
  const [x, y] = [normalCloud(5, 3, 1), normalCloud(4, 3, 2)];
  const [u, v] = [scaled(x), scaled(y)];
  const around = (...clouds: Rows[]) =>
    sampleTrees({ trees: 3, lines: 2, dimension: 3, shape: "chain", around: clouds, seed: 1 });
  test.each<[string, (a: Rows, b: Rows) => number]>([
    ["sliced, order 1", (a, b) => slicedWasserstein(a, b, { p: 1 })],
    ["sliced, order 2", (a, b) => slicedWasserstein(a, b)],
    [
      "sliced, order 3, weights",
      (a, b) => slicedWasserstein(a, b, { p: 3, a: [0.1, 0.2, 0.3, 0.2, 0.2] }),
    ],
    ["energy", (a, b) => energyDistance(a, b)],
    ["cheapest sorted plan", (a, b) => minSlicedTransportPlan(a, b, { p: 1 }).cost],
    ["scale of all points", (a, b) => pooledMoments(a, b).scale],
    ["tree-sliced", (a, b) => treeSlicedWasserstein(a, b, { trees: around(a, b) })],
    [
      "order 2 of a tree",
      (a, b) => treeSlicedWasserstein(a, b, { trees: around(a, b), order: 2 }) ** 2,
    ],
  ])("%s scales with them", (_, value) => {
    expect(value(u, v) / scale / value(x, y)).toBeCloseTo(1, 9);
    expect(value(x, x)).not.toBe(value(x, y)); // control
  });
  test("a unit whose square no number holds is refused", () => {
    const call = () =>
      treeSlicedWasserstein(u, v, { trees: around(u, v), splitting: db(2, scale) });
    expect(call).toThrow(/unit is .* whose square a number cannot hold/);
  });
});

test("edges of TS-Sobolev keep their digits where they are short", () => {
  for (const p of [1.5, 2, 2.000001, 3])
    for (const gap of [1e-3, 1e-9, 1e-200]) {
      const middle = (1.5 + gap / 2) ** (1 - p) * gap; // to second order
      expect(sobolevIntegral(1.5, gap, p) / middle).toBeCloseTo(1, 6);
    }
  expect(Math.log(1.5 + 1e-200) - Math.log(1.5)).toBe(0); // control: what a difference gives
});

test("lengths of very short and long vectors", () => {
  for (const scale of [1e-300, 1e-160, 1, 1e160, 1e300])
    expect(lengthOf([3 * scale, 4 * scale]) / scale).toBeCloseTo(5, 12);
  expect(lengthOf([0, 0])).toBe(0);
  expect(lengthOf([1, Infinity])).toBe(Infinity);
});

describe("points on lines", () => {
  test.each([0.37, 1000])(
    "I7 in one dimension infinite delta is W1 too, around %d: every point lies on every line",
    (offset) => {
      for (let seed = 0; seed < 20; seed++) {
        const cloud = (size: number, from: number) =>
          normalCloud(size, 1, from + seed).map(([c]) => [c + offset]);
        const [u, v] = [cloud(5, 100), cloud(7, 200)];
        const exact = wasserstein1d(u.flat(), v.flat());
        for (const shape of ["concurrent", "chain"] as const)
          for (const delta of [Infinity, -Infinity, 1e16]) {
            const trees = sampleTrees({
              trees: 3,
              lines: 3,
              dimension: 1,
              shape,
              seed,
              around: [u],
            });
            const value = treeSlicedWasserstein(u, v, { trees, splitting: db(delta) });
            expect(value / exact).toBeCloseTo(1, 9);
          }
      }
    },
  );
  test.each([2, 3, 10])(
    "in %d dimensions the gradient there is the mean of those of both sides",
    (dimension) => {
      for (let seed = 0; seed < 20; seed++) {
        const [tree] = sampleTrees({ trees: 1, lines: 3, dimension, seed, shape: "chain", std: 1 });
        const [theta, source] = [tree.theta[1], tree.source[1]];
        const on = theta.map((c, j) => source[j] + 2.1 * c);
        const [random] = normalCloud(1, dimension, 50 + seed);
        const along = random.reduce((sum, c, j) => sum + c * theta[j], 0);
        const across = random.map((c, j) => c - along * theta[j]);
        const y = normalCloud(3, dimension, seed);
        const at = (far: number) => {
          const point = on.map((c, j) => c + far * across[j]);
          const options = { trees: [tree], splitting: db(2) };
          return treeSlicedWassersteinGradient([point], y, options).x.data;
        };
        const [here, left, right] = [at(0), at(-1e-7), at(1e-7)];
        here.forEach((derivative, j) =>
          expect(derivative).toBeCloseTo((left[j] + right[j]) / 2, 4),
        );
        const far = Math.max(...left.map((derivative, j) => Math.abs(derivative - right[j])));
        expect(far).toBeGreaterThan(1e-3); // control: the sides differ
      }
    },
  );
  test("delta over unit that overflows is infinite delta, in values and gradients", () => {
    const { x, y, trees } = fixtureC;
    const of = (splitting: ReturnType<typeof db>) =>
      treeSlicedWassersteinGradient(x, y, { trees, splitting });
    expect(of(db(1e308, 1e-10))).toEqual(of(db(Infinity)));
    expect(of(db(-1e308, 1e-10))).toEqual(of(db(-Infinity)));
    expect(of(db(2))).not.toEqual(of(db(Infinity)));
  });
});
