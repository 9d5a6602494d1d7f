// Tree-sliced distances of order 1 are optimal transport on the tree: held to a linear program on the explicit metric (I15).

import { expect, test } from "vitest";
import type { LineTree } from "../../src/transport/line-trees.ts";
import { wasserstein1d } from "../../src/transport/one-dimensional.ts";
import { sampleTrees, type TreeShape } from "../../src/transport/sample-trees.ts";
import { treeSlicedWasserstein } from "../../src/transport/tree-sliced.ts";
import { normalCloud, randomWeights, type Rows } from "../support/transport/clouds.ts";
import { treeDistance } from "../support/transport/line-tree-metric.ts";
import { cheapestPlan } from "../support/transport/transport-plan.ts";

/** Shares by the definition: softmax of minus delta times the distance. */
function sharesOf({ theta, source }: LineTree, point: readonly number[], delta: number): number[] {
  const weights = theta.map((direction, l) => {
    const from = point.map((c, i) => c - source[l][i]);
    const along = from.reduce((sum, c, i) => sum + c * direction[i], 0);
    return Math.exp(-delta * Math.hypot(...from.map((c, i) => c - along * direction[i])));
  });
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** Atoms of a cloud on all lines with their masses. */
const atomsOf = (tree: LineTree, cloud: Rows, weights: readonly number[], delta: number) =>
  cloud.flatMap((point, i) =>
    sharesOf(tree, point, delta).map((share, line) => ({
      line,
      at: point.reduce((s, c, j) => s + (c - tree.source[line][j]) * tree.theta[line][j], 0),
      mass: share * weights[i],
    })),
  );

const shapes: [string, TreeShape, number][] = [
  ["star", "concurrent", 3],
  ["orthogonal star", "orthogonal", 3],
  ["star that hangs from its first line", [-1, 0, 0], 3],
  ["chain", "chain", 3],
  ["branching tree", [-1, 0, 0, 1, 1], 5],
];

test.each(shapes)("a %s agrees with the linear program to 1e-12", (_, shape, lines) => {
  for (let seed = 0; seed < 4; seed++) {
    const [tree] = sampleTrees({ trees: 1, lines, dimension: 3, shape, seed, std: 0.4 });
    const [x, y] = [normalCloud(4, 3, 10 + seed), normalCloud(3, 3, 20 + seed)];
    const [a, b] = [randomWeights(4, 30 + seed), randomWeights(3, 40 + seed)];
    for (const delta of [0, 1.5]) {
      const [from, to] = [atomsOf(tree, x, a, delta), atomsOf(tree, y, b, delta)];
      const costs = from.map((p) => to.map((q) => treeDistance(tree, p, q)));
      const exact = cheapestPlan(
        costs,
        from.map(({ mass }) => mass),
        to.map(({ mass }) => mass),
      );
      const options = { trees: [tree], a, b };
      const value = treeSlicedWasserstein(x, y, {
        ...options,
        splitting: { kind: "distance", delta },
      });
      expect(Math.abs(value - exact)).toBeLessThan(1e-12);
      const other = treeSlicedWasserstein(x, y, {
        ...options,
        splitting: { kind: "distance", delta: delta + 0.5 },
      });
      expect(Math.abs(other - exact)).toBeGreaterThan(1e-6);
    }
  }
});

test.each([1, 1.5, 2, 3])("W_p^p on the line, order %d, agrees with the linear program", (p) => {
  const [u, v] = [normalCloud(7, 1, 1).flat(), normalCloud(5, 1, 2).flat()];
  const [a, b] = [randomWeights(7, 3), randomWeights(5, 4)];
  const costs = u.map((s) => v.map((t) => Math.abs(s - t) ** p));
  const exact = cheapestPlan(costs, a, b);
  expect(Math.abs(wasserstein1d(u, v, { a, b, p }) - exact)).toBeLessThan(1e-12);
  expect(Math.abs(wasserstein1d(u, v, { p }) - exact)).toBeGreaterThan(1e-6);
});

test("partial: mass that one side lacks travels from the root and back to it", () => {
  const [tree] = sampleTrees({ trees: 1, lines: 3, dimension: 2, shape: [-1, 0, 1], seed: 3 });
  const [x, y] = [normalCloud(3, 2, 1), normalCloud(4, 2, 2)];
  const [a, b] = [
    [0.5, 0.7, 0.1],
    [0.2, 0.1, 0.3, 0.1],
  ];
  const [from, to] = [atomsOf(tree, x, a, 1), atomsOf(tree, y, b, 1)];
  const lacking = 1.3 - 0.7;
  const root = { line: 0, at: 0, mass: lacking };
  const targets = [...to, root];
  const exact = cheapestPlan(
    from.map((p) => targets.map((q) => treeDistance(tree, p, q))),
    from.map(({ mass }) => mass),
    targets.map(({ mass }) => mass),
  );
  const options = { trees: [tree], a, b, splitting: { kind: "distance", delta: 1 } } as const;
  const value = treeSlicedWasserstein(x, y, { ...options, partial: true });
  expect(Math.abs(value - exact)).toBeLessThan(1e-12);
  expect(() => treeSlicedWasserstein(x, y, options)).toThrow(/sum to/);
});
