// Random clouds, weights and trees for tests of optimal transport, and the published fixtures.

import { randomStream } from "../../../src/core/random.ts";
import { lineTree } from "../../../src/transport/sample-trees.ts";

export type Rows = number[][];

export function normalCloud(size: number, dimension: number, seed: number): Rows {
  const random = randomStream(seed);
  return Array.from({ length: size }, () =>
    Array.from({ length: dimension }, () => random.normal()),
  );
}

export function randomWeights(size: number, seed: number): number[] {
  const random = randomStream(seed);
  const weights = Array.from({ length: size }, () => 0.1 + random.uniform());
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** Lines through one point. */
export const star = (root: readonly number[], theta: readonly (readonly number[])[]) =>
  lineTree(
    root,
    theta,
    theta.map(() => -1),
    theta.map(() => 0),
  );

/** Fixture A of the published code: the plane, two stars. */
export const fixtureA = {
  x: [
    [0, 0],
    [1, 0],
    [0, 2],
  ],
  y: [
    [1, 1],
    [2, -1],
    [-1, 0.5],
  ],
  trees: [
    star(
      [0, 0],
      [
        [1, 0],
        [0, 1],
      ],
    ),
    star(
      [0.5, -0.5],
      [
        [0.6, 0.8],
        [0.8, -0.6],
      ],
    ),
  ],
};

const third = 1 / 3;
const treesC = [
  star(
    [0.1, 0.2, -0.1],
    [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ],
  ),
  star(
    [-0.3, 0, 0.25],
    [
      [2 * third, 2 * third, third],
      [-2 * third, third, 2 * third],
      [third, -2 * third, 2 * third],
    ],
  ),
];

const xC = [
  [0.3, -0.2, 0.5],
  [1.1, 0.4, -0.7],
  [-0.6, 0.9, 0.2],
  [0, -1, 0.8],
];

/** Fixture C: space, without ties. */
export const fixtureC = {
  x: xC,
  y: [
    [0.713, 0.073, 0.131],
    [-0.383, -0.277, 0.589],
    [0.181, 1.229, -0.493],
    [1.537, -0.803, 0.341],
  ],
  trees: treesC,
};

/** Fixture B: as C, but points share projections. */
export const fixtureB = {
  x: xC,
  y: [
    [0.7, 0.1, 0.1],
    [-0.4, -0.3, 0.6],
    [0.2, 1.2, -0.5],
    [1.5, -0.8, 0.3],
  ],
  trees: treesC,
  /** The directions of both trees as columns. */
  projections: [0, 1, 2].map((row) => treesC.flatMap(({ theta }) => theta.map((v) => v[row]))),
};

/** The central difference quotient of a function of rows, entry by entry. */
export function differences(f: (rows: Rows) => number, rows: Rows, step = 1e-6): number[] {
  return rows.flatMap((row, i) =>
    row.map((_, j) => {
      const moved = (by: number) =>
        f(rows.map((r, k) => (k === i ? r.map((v, c) => (c === j ? v + by : v)) : r)));
      return (moved(step) - moved(-step)) / (2 * step);
    }),
  );
}
