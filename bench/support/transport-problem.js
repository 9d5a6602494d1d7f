// Two clouds of normal numbers, 25 trees of 4 lines around them, and their 100 directions for the sliced distances.

import { randomStream } from "../../dist/core/random.js";

export const cloud = ({ n, d }, seed) => {
  const random = randomStream(seed);
  return { shape: [n, d], data: Float64Array.from({ length: n * d }, () => random.normal()) };
};

export function problemOf({ n, d }, sampleTrees) {
  const [x, y] = [1, 2].map((seed) => cloud({ n, d }, seed));
  const trees = sampleTrees({ trees: 25, lines: 4, dimension: d, around: [x, y], seed: 0 });
  const projections = Array.from({ length: d }, (_, row) =>
    trees.flatMap(({ theta }) => theta.map((v) => v[row])),
  );
  return {
    x,
    y,
    sliced: { projections, p: 1 },
    tree: { trees, splitting: { kind: "distance", delta: 1 } },
  };
}
