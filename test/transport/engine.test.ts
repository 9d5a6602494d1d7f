// Distances on engine arrays: values and gradients are those of the float64 version, as they are and compiled.

import { grad, jit, numpy as np, valueAndGrad } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { ShapeError, UnsupportedError } from "../../src/core/errors.ts";
import { startEngine } from "../../src/engine/start.ts";
import { runningSum, runningSumFromEnd } from "../../src/transport/engine/engine-arrays.ts";
import { engineSliced } from "../../src/transport/engine/engine-sliced.ts";
import {
  engineTreeSliced,
  type EngineTreeOptions,
} from "../../src/transport/engine/engine-tree-sliced.ts";
import { slicedWasserstein, treeSlicedWasserstein } from "../../src/transport/index.ts";
import { wasserstein1d } from "../../src/transport/one-dimensional.ts";
import { sampleTrees, type TreeShape } from "../../src/transport/sample-trees.ts";
import { slicedWassersteinGradient, type TransportGradient } from "../../src/transport/sliced.ts";
import {
  treeSlicedWassersteinGradient,
  type TreeSlicedOptions,
} from "../../src/transport/tree-sliced.ts";
import { normalCloud, randomWeights, type Rows } from "../support/transport/clouds.ts";

beforeAll(() => startEngine());

const array = (rows: Rows) =>
  np.array(Float32Array.from(rows.flat())).reshape([rows.length, rows[0].length]);
/** Numbers that float32 holds exactly, so that both versions see the same points. */
const cloud = (size: number, dimension: number, seed: number) =>
  normalCloud(size, dimension, seed).map((row) => row.map((c) => Math.fround(c)));

type Distance = (x: np.Array, y: np.Array) => np.Array;

async function expectSame(
  distance: Distance,
  x: Rows,
  y: Rows,
  exact: TransportGradient,
  digits = 4,
) {
  const both = valueAndGrad((points: { x: np.Array; y: np.Array }) => distance(points.x, points.y));
  for (const run of [both, jit(both)]) {
    const [value, derivatives] = run({ x: array(x), y: array(y) });
    const found = (await value.data())[0];
    expect(Math.abs(found - exact.value)).toBeLessThan(2e-6 * (1 + Math.abs(exact.value)));
    for (const side of ["x", "y"] as const) {
      const derivative = await derivatives[side].data();
      const largest = Math.max(...exact[side].data.map(Math.abs));
      exact[side].data.forEach((expected, i) =>
        expect(Math.abs(derivative[i] - expected) / largest).toBeLessThan(10 ** -digits),
      );
      expect(largest).toBeGreaterThan(1e-4);
    }
  }
}

describe("running sums", () => {
  test.each([1, 31, 32, 33, 1000, 1100])("of %d numbers", async (size) => {
    const values = Float32Array.from({ length: 2 * size }, (_, i) => ((i * 37) % 11) - 5);
    const given = () => np.array(values.slice()).reshape([2, size]);
    const sums = await runningSum(given()).data();
    const fromEnd = await runningSumFromEnd(given()).data();
    for (const row of [0, 1]) {
      let sum = 0;
      const total = values.subarray(row * size, (row + 1) * size).reduce((a, b) => a + b, 0);
      for (let i = 0; i < size; i++) {
        const value = values[row * size + i];
        sum += value;
        expect(sums[row * size + i]).toBe(sum);
        expect(fromEnd[row * size + i]).toBe(total - sum + value);
      }
    }
  });
});

describe("sliced", () => {
  const [x, y] = [cloud(20, 3, 1), cloud(20, 3, 2)];
  const options = { nProjections: 6, seed: 1 };
  test.each([1, 1.5, 2, 3])("order %d, equal sizes", async (p) => {
    const settings = { ...options, p };
    await expectSame(
      (u, v) => engineSliced(u, v, settings),
      x,
      y,
      slicedWassersteinGradient(x, y, settings),
    );
  });
  test.each([1, 2])("order %d, unequal sizes", async (p) => {
    const settings = { ...options, p };
    const short = y.slice(0, 7);
    await expectSame(
      (u, v) => engineSliced(u, v, settings),
      x,
      short,
      slicedWassersteinGradient(x, short, settings),
      4,
    );
  });
  test.each([1, 2])("order %d, weights", async (p) => {
    const settings = { ...options, p, a: randomWeights(20, 1), b: randomWeights(7, 2) };
    const short = y.slice(0, 7);
    await expectSame(
      (u, v) => engineSliced(u, v, settings),
      x,
      short,
      slicedWassersteinGradient(x, short, settings),
      4,
    );
  });
});

const db = (delta: number) => ({ kind: "distance", delta }) as const;
type Case = [string, Omit<TreeSlicedOptions & EngineTreeOptions, "trees">];

describe.each<[string, TreeShape, number]>([
  ["concurrent", "concurrent", 3],
  ["orthogonal", "orthogonal", 3],
  ["chain", "chain", 4],
  ["branching", [-1, 0, 0, 1, 1], 5],
])("tree-sliced, %s", (_, shape, lines) => {
  const trees = sampleTrees({ trees: 3, lines, dimension: 3, shape, seed: 12, std: 0.5 });
  const [x, y] = [cloud(40, 3, 1), cloud(33, 3, 2)];
  test.each<Case>([
    ["constant", {}],
    ["shares", { splitting: { kind: "constant", shares: randomWeights(lines, 3) } }],
    ["distance", { splitting: db(2) }],
    ["far lines", { splitting: db(-2) }],
    ["order 1.5", { splitting: db(2), order: 1.5 }],
    ["order 2", { splitting: db(2), order: 2 }],
    ["weights", { splitting: db(2), a: randomWeights(40, 3), b: randomWeights(33, 4) }],
    ["partial", { splitting: db(2), a: randomWeights(40, 3).map((w) => 2 * w), partial: true }],
    ["infinite delta", { splitting: db(Infinity) }],
  ])("%s", async (_name, options) => {
    const settings = { trees, ...options };
    const exact = treeSlicedWassersteinGradient(x, y, settings);
    await expectSame((u, v) => engineTreeSliced(u, v, settings), x, y, exact, 4);
  });
  test("another delta is seen", async () => {
    const exact = treeSlicedWassersteinGradient(x, y, { trees, splitting: db(2) });
    const other = engineTreeSliced(array(x), array(y), { trees, splitting: db(2.1) });
    expect(Math.abs((await other.data())[0] - exact.value)).toBeGreaterThan(1e-4);
  });
});

describe("tree-sliced", () => {
  const trees = sampleTrees({ trees: 3, lines: 3, dimension: 3, seed: 12, std: 0.5 });
  const [x, y] = [cloud(30, 3, 1), cloud(25, 3, 2)];
  test.each([1.5, 2, 3])("Sobolev weights of order %d", async (order) => {
    const settings = { trees, order, sobolev: true, splitting: db(2) };
    const exact = treeSlicedWassersteinGradient(x, y, settings);
    await expectSame((u, v) => engineTreeSliced(u, v, settings), x, y, exact, 4);
  });
  test("a map's shares pass gradients to what the map is made of", async () => {
    const sharesFrom = (logits: np.Array, points: np.Array) => {
      const scores = np.matmul(logits, np.transpose(points)).reshape([1, 3, 55]); // [1, lines, points]
      const weights = np.exp(scores);
      const sum = np.sum(weights.ref, 1, { keepdims: true });
      return np.broadcastTo(np.divide(weights, sum), [3, 3, 55]);
    };
    const loss = (logits: np.Array) =>
      engineTreeSliced(array(x), array(y), {
        trees,
        splitting: { kind: "map", shares: (points) => sharesFrom(logits, points) },
      });
    const start = Float32Array.from({ length: 9 }, (_, i) => (i % 4) / 4);
    const logits = (values: Float32Array) => np.array(values.slice()).reshape([3, 3]);
    const derivative = await jit(grad(loss))(logits(start)).data();
    for (const i of [0, 4, 8]) {
      const at = async (by: number) => {
        const moved = start.slice();
        moved[i] += by;
        return (await loss(logits(moved)).data())[0];
      };
      expect(derivative[i]).toBeCloseTo(((await at(0.02)) - (await at(-0.02))) / 0.04, 2);
    }
    expect(Math.max(...derivative.map(Math.abs))).toBeGreaterThan(0.01);
  });
  test("points on a line, equal clouds: no NaN", async () => {
    const axes = sampleTrees({ trees: 2, lines: 2, dimension: 3, seed: 3, std: 0 });
    const onLines = axes[0].theta.map((v) => v.map((c) => 2 * c));
    for (const [u, v] of [
      [onLines, y],
      [x, x],
    ])
      for (const order of [1, 2]) {
        const loss = (points: np.Array) =>
          engineTreeSliced(points, array(v), { trees: axes, order, splitting: db(2) });
        const derivative = await jit(grad(loss))(array(u)).data();
        expect([...derivative].every(Number.isFinite)).toBe(true);
      }
  });
  test("NaN passes through, also where a root is taken", async () => {
    const bad = [[Number.NaN, 1, 2], ...x];
    for (const order of [1, 1.5, 2])
      for (const splitting of [{ kind: "constant" } as const, db(2)]) {
        const value = engineTreeSliced(array(bad), array(y), { trees, order, splitting });
        expect((await value.data())[0]).toBeNaN();
        const sliced = engineSliced(array(bad), array(y), { p: order });
        expect((await sliced.data())[0]).toBeNaN();
      }
    expect((await engineSliced(array(x), array(x), {}).data())[0]).toBe(0); // control
  });
  test("a delta that 32 bits do not hold is infinite; in one dimension it is W1", async () => {
    const value = async (u: Rows, v: Rows, options: EngineTreeOptions) =>
      (await engineTreeSliced(array(u), array(v), options).data())[0];
    const infinite = await value(x, y, { trees, splitting: db(Infinity) });
    for (const splitting of [db(1e40), { ...db(1e30), unit: 1e-30 }])
      expect(await value(x, y, { trees, splitting })).toBe(infinite);
    expect(await value(x, y, { trees, splitting: db(1) })).not.toBe(infinite);
    const [u, v] = [cloud(5, 1, 1), cloud(7, 1, 2)];
    const chain = sampleTrees({ trees: 3, lines: 3, dimension: 1, shape: "chain", seed: 2 });
    for (const delta of [Infinity, -Infinity, 1e9])
      expect(await value(u, v, { trees: chain, splitting: db(delta) })).toBeCloseTo(
        wasserstein1d(u.flat(), v.flat()),
        5,
      );
  });
  test("far from 0 it keeps its digits", async () => {
    const far = (rows: Rows) => rows.map((row) => row.map((c) => Math.fround(c + 1024)));
    const around = sampleTrees({
      trees: 3,
      lines: 3,
      dimension: 3,
      around: [far(x), far(y)],
      seed: 1,
    });
    const exact = treeSlicedWassersteinGradient(far(x), far(y), {
      trees: around,
      splitting: db(2),
    });
    const value = engineTreeSliced(array(far(x)), array(far(y)), {
      trees: around,
      splitting: db(2),
    });
    expect((await value.data())[0]).toBeCloseTo(exact.value, 4);
  });
  test("what does not fit is refused", () => {
    const call = (u: Rows, v: Rows, more: object = {}) =>
      engineTreeSliced(array(u), array(v), { trees, ...more });
    expect(() => call(x, cloud(3, 2, 1))).toThrow(ShapeError);
    expect(() => engineSliced(np.zeros([3]), array(y))).toThrow(/x has shape/);
    const chain = sampleTrees({ trees: 1, lines: 3, dimension: 3, shape: "chain", seed: 1 });
    expect(() => call(x, y, { trees: [...trees, ...chain] })).toThrow(UnsupportedError);
    expect(() => call(x, y, { trees: chain, sobolev: true, order: 2 })).toThrow(UnsupportedError);
    const callback = { kind: "callback", shares: () => [[1, 0, 0]] };
    expect(() => call(x, y, { splitting: callback })).toThrow(UnsupportedError);
    const log = { trees, log: true } as object as EngineTreeOptions;
    expect(() => treeSlicedWasserstein(array(x), array(y), log)).toThrow(/log is for plain/);
    expect(() => slicedWasserstein(array(x), array(y), log)).toThrow(/log is for plain/);
    expect(() => slicedWasserstein(array(x) as never, y)).toThrow(/x is an engine array/);
    const map = { kind: "map", shares: () => np.zeros([3, 2, 55]) };
    expect(() => call(x, y, { splitting: map })).toThrow(/splitting map gave shares/);
  });
});
