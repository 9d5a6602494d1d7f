// Laws of tree-sliced and sliced distances (I1 to I14, I17), each with a control that breaks it.

import { describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { orthonormalDirections } from "../../src/transport/directions.ts";
import type { LineTree } from "../../src/transport/line-trees.ts";
import { wasserstein1d } from "../../src/transport/one-dimensional.ts";
import { pooledMoments } from "../../src/transport/points.ts";
import { lineTree, sampleTrees, type TreeShape } from "../../src/transport/sample-trees.ts";
import { slicedWasserstein } from "../../src/transport/sliced.ts";
import { treeSlicedWasserstein, type TreeSlicedOptions } from "../../src/transport/tree-sliced.ts";
import { normalCloud, randomWeights, type Rows } from "../support/transport/clouds.ts";

const db = (delta: number) => ({ kind: "distance", delta }) as const;
const [x, y, z] = [normalCloud(6, 3, 1), normalCloud(6, 3, 2), normalCloud(6, 3, 3)];
const treesOf = (shape: TreeShape, seed = 5, lines = 3, dimension = 3) =>
  sampleTrees({ trees: 4, lines, dimension, shape, seed, std: 0.5 });
const branching = [-1, 0, 0, 1, 1];
const shapes: [string, LineTree[]][] = [
  ["concurrent", treesOf("concurrent")],
  ["orthogonal", treesOf("orthogonal")],
  ["chain", treesOf("chain")],
  ["branching", treesOf(branching, 6, 5)],
];
const splittings: TreeSlicedOptions["splitting"][] = [{ kind: "constant" }, db(2)];
const cases = shapes.flatMap(([shape, trees]) =>
  splittings.map(
    (splitting) => [`${shape}, ${splitting?.kind}`, { trees, splitting: splitting! }] as const,
  ),
);
/** Mean over lines of W1, line by line. */
const meanW1 = (u: Rows, v: Rows, trees: readonly LineTree[], shares?: readonly number[]) => {
  const perTree = trees.map(({ theta }) =>
    theta.reduce((sum, direction, l) => {
      const on = (rows: Rows) =>
        rows.map((row) => row.reduce((s, c, i) => s + c * direction[i], 0));
      return sum + (shares?.[l] ?? 1 / theta.length) * wasserstein1d(on(u), on(v));
    }, 0),
  );
  return perTree.reduce((a, b) => a + b, 0) / perTree.length;
};
const reversed = (rows: Rows) => [...rows].reverse();
const moved = (rows: Rows, by: readonly number[]) =>
  rows.map((row) => row.map((c, i) => c + by[i]));

describe.each(cases)("%s", (_, options) => {
  const value = (u: Rows, v: Rows, more: Partial<TreeSlicedOptions> = {}) =>
    treeSlicedWasserstein(u, v, { ...options, ...more });
  test("I1 is 0 between a cloud and the same in another order, not between two clouds", () => {
    expect(value(x, reversed(x))).toBeLessThan(1e-13);
    expect(value(x, y)).toBeGreaterThan(0.05);
  });
  test("I2 is symmetric for given trees, which other trees are not", () => {
    expect(value(x, y)).toBeCloseTo(value(y, x), 13);
    const others = treesOf("concurrent", 99);
    expect(Math.abs(value(x, y) - value(y, x, { trees: others }))).toBeGreaterThan(1e-4);
  });
  test("I3 does not see the order of points, but of weights", () => {
    const a = randomWeights(6, 8);
    const same = value(reversed(x), y, { a: [...a].reverse() });
    expect(same).toBeCloseTo(value(x, y, { a }), 13);
    expect(Math.abs(value(reversed(x), y, { a }) - same)).toBeGreaterThan(1e-4);
  });
  test("I11 does not see the sign of directions; it sees other directions", () => {
    const turned = options.trees.map(({ theta, source, parent, position }) => ({
      theta: theta.map((v) => v.map((c) => -c)),
      source,
      parent,
      position: position.map((p) => -p),
    }));
    expect(value(x, y, { trees: turned })).toBeCloseTo(value(x, y), 13);
    const cycled = options.trees.map(({ theta, parent, position, source }) =>
      lineTree(
        source[0],
        theta.map(([a, b, c]) => [b, c, a]),
        parent,
        position,
      ),
    );
    expect(Math.abs(value(x, y, { trees: cycled }) - value(x, y))).toBeGreaterThan(1e-4);
  });
  test("I12 satisfies the triangle inequality for orders from 1; its square does not", () => {
    let broken = 0;
    for (let seed = 0; seed < 30; seed++) {
      const clouds = [1, 2, 3].map((i) => normalCloud(4, 3, 100 * i + seed));
      for (const order of [1, 1.5, 2, 3]) {
        const side = (i: number, j: number) => value(clouds[i], clouds[j], { order });
        expect(side(0, 2)).toBeLessThanOrEqual(side(0, 1) + side(1, 2) + 1e-12);
      }
    }
    const way = [0, 1, 2].map((t) => [[t, 0.1 * t, 0]]);
    const square = (i: number, j: number) => value(way[i], way[j]) ** 2;
    if (square(0, 2) > square(0, 1) + square(1, 2)) broken++;
    expect(broken).toBe(1);
  });
  test("I13 does not see every point doubled, but one", () => {
    expect(value([...x, ...x], [...y, ...y])).toBeCloseTo(value(x, y), 13);
    expect(Math.abs(value([...x, x[0]], y) - value(x, y))).toBeGreaterThan(1e-4);
  });
  test("I14 does not see a point cut into two halves", () => {
    const a = [...Array.from({ length: 5 }, () => 1 / 6), 1 / 12, 1 / 12];
    expect(value([...x, x[5]], y, { a })).toBeCloseTo(value(x, y), 13);
    expect(Math.abs(value([...x, x[4]], y, { a }) - value(x, y))).toBeGreaterThan(1e-4);
  });
  test("I17 order 2 squared is the square of a norm: the law of mixtures, which order 1 breaks", () => {
    const gap = (order: number) => {
      const square = (u: Rows, v: Rows) => value(u, v, { order }) ** 2;
      return Math.abs(
        square([...x, ...y], z) - (square(x, z) / 2 + square(y, z) / 2 - square(x, y) / 4),
      );
    };
    expect(gap(2)).toBeLessThan(1e-13);
    expect(gap(1)).toBeGreaterThan(1e-5);
  });
});

describe("relations to sliced W1", () => {
  test("I4 one line is sliced W1 wherever its root is; with order 2 it is not sliced W2", () => {
    const trees = treesOf("concurrent", 3, 1);
    const projections = [0, 1, 2].map((row) => trees.map(({ theta }) => theta[0][row]));
    const sliced = slicedWasserstein(x, y, { projections, p: 1 });
    expect(treeSlicedWasserstein(x, y, { trees, splitting: db(3) })).toBeCloseTo(sliced, 13);
    const w2 = slicedWasserstein(x, y, { projections, p: 2 });
    expect(Math.abs(treeSlicedWasserstein(x, y, { trees, order: 2 }) - w2)).toBeGreaterThan(0.01);
  });
  test.each(shapes)("I5 constant splitting on a %s tree is the weighted mean of W1", (_, trees) => {
    const lines = trees[0].parent.length;
    const shares = randomWeights(lines, 4);
    const constant = { kind: "constant", shares } as const;
    const value = treeSlicedWasserstein(x, y, { trees, splitting: constant });
    expect(value).toBeCloseTo(meanW1(x, y, trees, shares), 13);
    expect(treeSlicedWasserstein(x, y, { trees })).toBeCloseTo(meanW1(x, y, trees), 13);
    const byDistance = treeSlicedWasserstein(x, y, { trees, splitting: db(2) });
    expect(Math.abs(byDistance - meanW1(x, y, trees))).toBeGreaterThan(1e-3);
  });
  test.each(shapes)(
    "I6 delta 0 on a %s tree is uniform; infinite delta is the limit",
    (_, trees) => {
      const value = (delta: number) => treeSlicedWasserstein(x, y, { trees, splitting: db(delta) });
      expect(value(0)).toBeCloseTo(meanW1(x, y, trees), 13);
      expect(Math.abs(value(0.5) - value(0))).toBeGreaterThan(1e-4);
      expect(value(Infinity)).toBeCloseTo(value(1e5), 8);
      expect(value(-Infinity)).toBeCloseTo(value(-1e5), 8);
      expect(Math.abs(value(Infinity) - value(-Infinity))).toBeGreaterThan(1e-3);
    },
  );
  test("I7 in one dimension everything is W1", () => {
    const [u, v] = [normalCloud(5, 1, 1), normalCloud(7, 1, 2)];
    const exact = wasserstein1d(u.flat(), v.flat());
    for (const shape of ["concurrent", "chain"] as const) {
      const trees = treesOf(shape, 2, 3, 1);
      for (const delta of [0, 1, 10])
        expect(treeSlicedWasserstein(u, v, { trees, splitting: db(delta) })).toBeCloseTo(exact, 12);
    }
    expect(wasserstein1d(u.flat(), v.flat(), { p: 2 })).not.toBeCloseTo(exact, 3);
  });
});

describe("motions and scales", () => {
  const trees = treesOf("chain", 7);
  const turn = orthonormalDirections(3, 3, randomStream(11));
  const by = [0.3, -2, 1];
  const rotate = (row: readonly number[]) =>
    turn.map((axis) => axis.reduce((sum, c, i) => sum + c * row[i], 0));
  test("I8 moving data and trees rigidly changes nothing; moving data alone does", () => {
    const together = trees.map((tree) => ({
      ...tree,
      theta: tree.theta.map(rotate),
      source: moved(tree.source.map(rotate), by),
    }));
    const options = { trees, splitting: db(2) };
    const [u, v] = [moved(x.map(rotate), by), moved(y.map(rotate), by)];
    const before = treeSlicedWasserstein(x, y, options);
    expect(treeSlicedWasserstein(u, v, { ...options, trees: together })).toBeCloseTo(before, 12);
    expect(Math.abs(treeSlicedWasserstein(u, v, options) - before)).toBeGreaterThan(1e-3);
  });
  test("I9 moving data alone changes Db-TSW and not TSW-SL", () => {
    const change = (splitting: NonNullable<TreeSlicedOptions["splitting"]>) =>
      treeSlicedWasserstein(x, y, { trees, splitting }) -
      treeSlicedWasserstein(moved(x, by), moved(y, by), { trees, splitting });
    expect(change({ kind: "constant" })).toBeCloseTo(0, 12);
    expect(Math.abs(change(db(2)))).toBeGreaterThan(1e-3);
  });
  test.each([1, 1.5, 2])(
    "I10 scaling data, roots and unit by 3 scales order %d by 3^(1/p)",
    (order) => {
      const scaled = (rows: readonly (readonly number[])[]) =>
        rows.map((row) => row.map((c) => 3 * c));
      const large = trees.map((tree) => ({
        ...tree,
        source: scaled(tree.source),
        position: tree.position.map((p) => 3 * p),
      }));
      const before = treeSlicedWasserstein(x, y, { trees, order, splitting: db(2) });
      const after = (unit: number) =>
        treeSlicedWasserstein(scaled(x), scaled(y), {
          trees: large,
          order,
          splitting: { ...db(2), unit },
        });
      expect(after(3) / before).toBeCloseTo(3 ** (1 / order), 12);
      expect(Math.abs(after(1) / before - 3 ** (1 / order))).toBeGreaterThan(1e-3);
    },
  );
  test("trees around data move and grow with it", () => {
    const value = (u: Rows, v: Rows) => {
      const around = sampleTrees({
        trees: 5,
        lines: 3,
        dimension: 3,
        shape: "chain",
        around: [u, v],
        seed: 1,
      });
      const unit = pooledMoments(u, v).scale;
      return treeSlicedWasserstein(u, v, { trees: around, splitting: { ...db(2), unit } });
    };
    const grown = (rows: Rows) => moved(rows, by).map((row) => row.map((c) => 2 * c));
    expect(value(grown(x), grown(y)) / value(x, y)).toBeCloseTo(2, 10);
  });
});
