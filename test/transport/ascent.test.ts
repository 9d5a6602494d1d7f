// Max-sliced distances: the ascent ends where no direction is better, which a search alone does not.

import { describe, expect, test } from "vitest";
import { ascend } from "../../src/transport/ascent.ts";
import { maxSlicedWasserstein } from "../../src/transport/max-sliced.ts";
import { maxTreeSlicedWasserstein, treeAscent } from "../../src/transport/max-tree-sliced.ts";
import { sampleTrees } from "../../src/transport/sample-trees.ts";
import { slicedWasserstein } from "../../src/transport/sliced.ts";
import { treeProblem, treeSlicedWasserstein } from "../../src/transport/tree-sliced.ts";
import { normalCloud, type Rows } from "../support/transport/clouds.ts";

const along = (x: Rows, y: Rows, angle: number, p: number) =>
  slicedWasserstein(x, y, { p, projections: [[Math.cos(angle)], [Math.sin(angle)]] });

describe("max-sliced", () => {
  test.each([1, 1.5, 2])(
    "order %d in the plane reaches the maximum of a fine grid of angles",
    (p) => {
      for (let seed = 0; seed < 3; seed++) {
        const [x, y] = [normalCloud(12, 2, seed), normalCloud(9, 2, 50 + seed)];
        let grid = 0;
        for (let i = 0; i < 4_000; i++)
          grid = Math.max(grid, along(x, y, (Math.PI * i) / 4_000, p));
        const found = maxSlicedWasserstein(x, y, { p, nProjections: 30, seed, log: true });
        expect(found.converged).toBe(true);
        expect(found.value).toBeGreaterThan(grid - 1e-6);
        expect(found.value).toBeLessThan(grid + 1e-3);
        const searched = maxSlicedWasserstein(x, y, { p, nProjections: 30, seed, steps: 0 });
        expect(searched).toBeLessThan(found.value);
      }
    },
  );
  test("in ten dimensions no direction nearby is better", () => {
    const [x, y] = [normalCloud(30, 10, 1), normalCloud(30, 10, 2)];
    const { value, direction, converged } = maxSlicedWasserstein(x, y, { log: true, steps: 3000 });
    expect(converged).toBe(true);
    for (let seed = 0; seed < 200; seed++) {
      const near = direction.map((c, i) => c + 0.003 * normalCloud(1, 10, seed)[0][i]);
      const length = Math.hypot(...near);
      const projections = near.map((c) => [c / length]);
      expect(slicedWasserstein(x, y, { projections })).toBeLessThanOrEqual(value + 1e-9);
    }
  });
  test("finds the one axis on which two clouds differ", () => {
    const x = normalCloud(40, 5, 3);
    const y = x.map((row) => row.map((c, i) => (i === 2 ? c + 3 : c)));
    const { direction, value } = maxSlicedWasserstein(x, y, { log: true });
    expect(Math.abs(direction[2])).toBeCloseTo(1, 5);
    expect(value).toBeCloseTo(3, 8);
  });
});

describe("MaxTSW-SL", () => {
  const [x, y] = [normalCloud(8, 2, 1), normalCloud(6, 2, 2)];
  test.each(["concurrent", "chain"] as const)(
    "%s trees: rises, converges, is the value of its tree",
    (shape) => {
      const trees = sampleTrees({ trees: 2, lines: 3, dimension: 2, shape, seed: 1 });
      const options = { trees, splitting: { kind: "distance", delta: 2 } } as const;
      const start = treeSlicedWasserstein(x, y, { ...options, log: true });
      const found = maxTreeSlicedWasserstein(x, y, { ...options, steps: 1000, log: true });
      expect(found.value).toBeGreaterThan(Math.max(...start.perTree) + 0.01);
      expect(treeSlicedWasserstein(x, y, { ...options, trees: [found.tree] })).toBeCloseTo(
        found.value,
        12,
      );
      expect(found.converged).toBe(true);
      const stopped = maxTreeSlicedWasserstein(x, y, { ...options, steps: 1, log: true });
      expect(stopped.converged).toBe(false);
      expect(stopped.value).toBeLessThan(found.value);
    },
  );
  test.each(["concurrent", "chain"] as const)(
    "%s trees: the unit of length does not matter",
    (shape) => {
      const found = (scale: number) => {
        const scaled = (rows: Rows) => rows.map((row) => row.map((c) => scale * c));
        const [u, v] = [scaled(x), scaled(y)];
        const trees = sampleTrees({
          trees: 1,
          lines: 3,
          dimension: 2,
          shape,
          around: [u, v],
          seed: 4,
        });
        const splitting = { kind: "distance", delta: 2, unit: scale } as const;
        const { value, tree, converged } = maxTreeSlicedWasserstein(u, v, {
          trees,
          splitting,
          steps: 1000,
          log: true,
        });
        expect(converged).toBe(true);
        const way = tree.source[0].map((c, j) => (c - trees[0].source[0][j]) / scale);
        expect(Math.hypot(...way)).toBeGreaterThan(0.01); // control: the root moved
        return value / scale;
      };
      for (const scale of [2 ** -20, 2 ** 10, 2 ** 20]) expect(found(scale)).toBe(found(1));
    },
  );
  test.each(["concurrent", "chain", [-1, -1, 0]] as const)(
    "%s trees: gradients equal central differences",
    (shape) => {
      const [tree] = sampleTrees({
        trees: 1,
        lines: 3,
        dimension: 2,
        shape,
        around: [x, y],
        seed: 4,
      });
      const options = { trees: [tree], splitting: { kind: "distance", delta: 2 } } as const;
      const problem = treeProblem("test", x, y, options);
      const { start, surface } = treeAscent("test", problem, tree);
      const gradient = surface.evaluate(start).gradient();
      start.forEach((_, i) => {
        const at = (by: number) =>
          surface.evaluate(start.map((v, k) => (k === i ? v + by : v))).value;
        const numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
        expect(gradient[i]).toBeCloseTo(numeric, 7);
        if (i < 2) expect(Math.abs(numeric)).toBeGreaterThan(1e-3); // control: the root counts
      });
    },
  );
  test("takes as many points and dimensions as fit into memory", () => {
    const many = {
      shape: [200_000, 1],
      data: Float64Array.from({ length: 200_000 }, (_, i) => Math.sin(i)),
    };
    const wide = { shape: [1, 200_000], data: many.data };
    for (const points of [many, wide]) {
      const dimension = points.shape[1];
      const trees = sampleTrees({ trees: 1, lines: 1, dimension, seed: 0 });
      const still = { shape: [1, dimension], data: new Float64Array(dimension) };
      expect(maxTreeSlicedWasserstein(points, still, { trees, steps: 0 })).toBeGreaterThan(0.01);
    }
  });
  test("with constant splitting every line turns to the maximum of sliced W1", () => {
    const trees = sampleTrees({ trees: 8, lines: 2, dimension: 2, seed: 2 });
    const found = maxTreeSlicedWasserstein(x, y, { trees, steps: 2000 });
    expect(found).toBeCloseTo(maxSlicedWasserstein(x, y, { p: 1 }), 6);
  });
});

test("an ascent across edges ends at the top, where plain steps stick", () => {
  // The roof -|u| - 10 |v|: its gradient at the ridge points across it.
  const evaluate = ([u, v]: Float64Array) => ({
    value: -Math.abs(u) - 10 * Math.abs(v),
    gradient: () => Float64Array.of(-Math.sign(u), -10 * Math.sign(v)),
  });
  const problem = { evaluate, retract: (point: Float64Array) => point };
  const { value, converged } = ascend(problem, Float64Array.of(1, 0.013), { seed: 1, steps: 5000 });
  expect(converged).toBe(true);
  expect(value).toBeGreaterThan(-1e-4);
  expect(ascend(problem, Float64Array.of(1, 0.013), { seed: 1, steps: 3 }).value).toBeLessThan(
    -1e-3,
  );
});
