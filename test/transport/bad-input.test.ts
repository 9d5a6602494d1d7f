// What distances say to input they cannot take, and the limits where they can.

import { describe, expect, test } from "vitest";
import { OptionError, ShapeError } from "../../src/core/errors.ts";
import { maxSlicedWasserstein } from "../../src/transport/max-sliced.ts";
import { maxTreeSlicedWasserstein } from "../../src/transport/max-tree-sliced.ts";
import { wasserstein1d } from "../../src/transport/one-dimensional.ts";
import { pooledMoments, type Points } from "../../src/transport/points.ts";
import { sampleTrees, type SampleTreesOptions } from "../../src/transport/sample-trees.ts";
import { slicedWasserstein, slicedWassersteinGradient } from "../../src/transport/sliced.ts";
import {
  energyDistance,
  minSlicedTransportPlan,
  slicedWassersteinLCV,
} from "../../src/transport/sliced-variants.ts";
import {
  treeSlicedWasserstein,
  treeSlicedWassersteinGradient,
} from "../../src/transport/tree-sliced.ts";
import { normalCloud, star } from "../support/transport/clouds.ts";

const [x, y] = [normalCloud(4, 2, 1), normalCloud(5, 2, 2)];
const trees = sampleTrees({ trees: 2, lines: 3, dimension: 2, seed: 1 });
const tree = (u: Points, v: Points, more: object = {}) =>
  treeSlicedWasserstein(u, v, { trees, ...more });

const distances: [string, (u: Points, v: Points, more?: object) => unknown][] = [
  ["slicedWasserstein", slicedWasserstein],
  ["slicedWassersteinGradient", slicedWassersteinGradient],
  ["maxSlicedWasserstein", maxSlicedWasserstein],
  ["slicedWassersteinLCV", slicedWassersteinLCV],
  ["minSlicedTransportPlan", minSlicedTransportPlan],
  ["energyDistance", energyDistance],
  ["treeSlicedWasserstein", tree],
];

describe.each(distances)("%s", (name, distance) => {
  test("takes rows and tensors alike", () => {
    const tensor = { shape: [4, 2], data: Float64Array.from(x.flat()) };
    expect(distance(tensor, y)).toEqual(distance(x, y));
  });
  test("refuses NaN and infinity, naming row and column", () => {
    for (const bad of [Number.NaN, Infinity]) {
      const call = () => distance(x, [...y.slice(1), [0, bad]]);
      expect(call).toThrow(OptionError);
      expect(call).toThrow(new RegExp(`^${name}: y has ${bad} in row 4, column 1`));
    }
  });
  test("refuses empty clouds and rows of unlike length", () => {
    expect(() => distance([], y)).toThrow(/x is empty, expected at least one point/);
    expect(() => distance(x, [])).toThrow(ShapeError);
    expect(() => distance([[1, 2], [3]], y)).toThrow(/row 1 of x is not a list of 2 numbers/);
    expect(() => distance([[]], y)).toThrow(ShapeError);
    expect(() => distance({ shape: [4], data: new Float64Array(4) }, y)).toThrow(
      /expected \[points, dimension\]/,
    );
    expect(() => distance({ shape: [3, 2], data: new Float64Array(4) }, y)).toThrow(
      /has 4 numbers, expected 6/,
    );
  });
  test("takes rows of typed arrays, and refuses what is no cloud", () => {
    expect(
      distance(
        x.map((row) => Float64Array.from(row)),
        y,
      ),
    ).toEqual(distance(x, y));
    const bad = (given: unknown, problem: RegExp) =>
      expect(() => distance(given as Points, y)).toThrow(problem);
    bad(undefined, /x is undefined, expected rows of numbers/);
    bad(null, /x is null/);
    bad("abc", /x is abc/);
    bad({}, /x is an object/);
    bad(Float64Array.of(1, 2), /x is one list of numbers/);
    bad([1, 2], /row 0 of x is not a list of numbers.* \[\[1\], \[2\]\]/);
    bad([x, x], /x holds lists of rows/);
    bad([[0, null]], /x has null in row 0, column 1/);
    bad([[0, "1"]], /x has "1" in row 0, column 1/);
    const hole: number[] = [];
    hole[1] = 1;
    bad([[0, 0], hole], /x has undefined in row 1, column 0/);
    bad({ shape: [1.5, 2], data: new Float64Array(3) }, /x has shape \[1.5, 2\]/);
    bad({ shape: [1, 2], dtype: "float32", data: () => [1, 2] }, /x is an engine array/);
  });
  test("refuses dimensions that differ", () => {
    expect(() => distance(x, normalCloud(5, 3, 1))).toThrow(
      /x has dimension 2 and y has dimension 3/,
    );
  });
  test("refuses weights that do not sum to 1, are negative, or too few", () => {
    expect(() => distance(x, y, { a: [0.5, 0.5, 0.5, 0.5] })).toThrow(
      /weights a sum to 2, expected 1/,
    );
    expect(() => distance(x, y, { a: [1.5, -0.5, 0, 0] })).toThrow(/a\[1\] is -0.5/);
    expect(() => distance(x, y, { b: [1] })).toThrow(/b has 1 weights for 5 points/);
    expect(() => distance(x, y, { a: [0, 0, 0, 0] })).toThrow(/sum to 0/);
    expect(() => distance(x, y, { a: [Number.NaN, 1, 0, 0] })).toThrow(/a\[0\] is NaN/);
    expect(() => distance(x, y, { a: null })).toThrow(/a has no weights for 4 points/);
    expect(distance(x, y, { a: [0.25, 0.25, 0.25, 0.25] })).toEqual(distance(x, y));
  });
  test("refuses a result that overflows instead of returning infinity", () => {
    const huge = [[1.7e308, -1.7e308]];
    const call = () =>
      distance(huge, [[-1.7e308, 1.7e308]], { order: 2, p: 2, projections: [[1e10], [-1e10]] });
    expect(call).toThrow(OptionError);
  });
});

describe("options", () => {
  test.each([null, "x", 3, [0.5, 0.5], Float64Array.of(0.5, 0.5)])(
    "%j in place of options is refused, as is a name that no option has",
    (given) => {
      const options = given as never;
      for (const call of [
        () => slicedWasserstein(x, y, options),
        () => maxSlicedWasserstein(x, y, options),
        () => energyDistance(x, y, options),
        () => wasserstein1d([1], [2], options),
        () => treeSlicedWasserstein(x, y, options),
        () => sampleTrees(options),
      ])
        expect(call).toThrow(/: options is .*, expected an object with some of/);
      const named = (name: string) => ({ [name]: 500 }) as never;
      expect(() => slicedWasserstein(x, y, named("n_projections"))).toThrow(
        /no option "n_projections", it is nProjections here/,
      );
      expect(() => treeSlicedWasserstein(x, y, { trees, ...(named("delta") as object) })).toThrow(
        /no option "delta", expected trees, splitting/,
      );
      expect(slicedWasserstein(x, y, {})).toBe(slicedWasserstein(x, y)); // control
    },
  );
  test("weights that are texts or truths are refused, not read", () => {
    const call = (a: unknown) => slicedWasserstein(x, y, { a: a as number[] });
    const even = x.map(() => 1 / x.length);
    expect(call(even)).toBeCloseTo(slicedWasserstein(x, y), 14); // control
    expect(() => call(even.map(String))).toThrow(/a\[0\] is "0\..*", expected a number/);
    expect(() => call(x.map((_, i) => i === 0))).toThrow(/a\[0\] is true, expected a number/);
  });
  test.each([0.5, 0, -1, Number.NaN, Infinity])("order %d is refused", (order) => {
    expect(() => tree(x, y, { order })).toThrow(/order is .* expected a finite number from 1/);
    expect(() => slicedWasserstein(x, y, { p: order })).toThrow(/p is/);
    expect(() => wasserstein1d([1], [2], { p: order })).toThrow(OptionError);
  });
  test("projections of another dimension, ragged or not finite are refused", () => {
    expect(() => slicedWasserstein(x, y, { projections: [[1]] })).toThrow(
      /1 rows of 1 numbers, expected 2/,
    );
    expect(() => slicedWasserstein(x, y, { projections: [[1], [1, 2]] })).toThrow(ShapeError);
    expect(() => slicedWasserstein(x, y, { projections: [[1], [Number.NaN]] })).toThrow(
      OptionError,
    );
    expect(() => slicedWasserstein(x, y, { nProjections: 0 })).toThrow(/nProjections is 0/);
    expect(() => slicedWasserstein(x, y, { projections: null as never })).toThrow(
      /projections is not a list of rows/,
    );
    expect(() => slicedWasserstein(x, y, { p: "2" as never })).toThrow(/p is 2/);
  });
  test("directions of length 0 start no ascent; others beside them do", () => {
    const along = (projections: number[][], steps?: number) =>
      maxSlicedWasserstein(x, y, { projections, ...(steps !== undefined && { steps }) });
    const zeros = [[0], [0]];
    expect(() => along(zeros)).toThrow(/all columns of projections are zeros/);
    expect(along(zeros, 0)).toBe(0);
    const beside = [
      [0, 1],
      [0, 0],
    ];
    expect(along(beside)).toBeCloseTo(along([[1], [0]]), 8);
    expect(along([[1e-200], [0]])).toBe(along([[1], [0]]));
  });
  test("seeds that are no whole numbers are refused, wherever directions come from", () => {
    const call = (seed: unknown) => ({ projections: [[1], [0]], seed: seed as number });
    for (const seed of [1.5, -1, "a", Number.NaN]) {
      expect(() => maxSlicedWasserstein(x, y, call(seed))).toThrow(/seed is/);
      expect(() => slicedWasserstein(x, y, { seed: seed as number })).toThrow(/seed is/);
      const search = { trees, steps: 0, seed: seed as number };
      expect(() => maxTreeSlicedWasserstein(x, y, search)).toThrow(/seed is/);
    }
    expect(maxSlicedWasserstein(x, y, call(1))).toBeGreaterThan(0);
  });
  test("delta NaN is refused; 0 and both infinities are limits", () => {
    const value = (delta: number) => tree(x, y, { splitting: { kind: "distance", delta } });
    expect(() => value(Number.NaN)).toThrow(/delta is NaN/);
    expect(value(0)).toBeCloseTo(tree(x, y) as number, 13);
    expect(value(Infinity)).toBeCloseTo(value(1e6) as number, 8);
    expect(value(-Infinity)).toBeCloseTo(value(-1e6) as number, 8);
    expect(() => tree(x, y, { splitting: { kind: "distance", delta: 1, unit: 0 } })).toThrow(
      /unit is 0/,
    );
  });
  test("shares that do not sum to 1, of another count, or of an unknown kind are refused", () => {
    const constant = (shares: number[]) => tree(x, y, { splitting: { kind: "constant", shares } });
    expect(() => constant([0.5, 0.4, 0])).toThrow(/sum to 1/);
    expect(() => constant([0.5, 0.5])).toThrow(/2 shares and a tree of 3 lines/);
    expect(() => tree(x, y, { splitting: { kind: "softmax" } })).toThrow(/kind "softmax"/);
    const callback = (shares: () => number[][]) =>
      tree(x, y, { splitting: { kind: "callback", shares } });
    expect(() => callback(() => [[1, 0, 0]])).toThrow(/gave 1 rows/);
    expect(() => callback(() => undefined as never)).toThrow(/gave no rows/);
    expect(() => callback(() => Array.from({ length: 9 }, () => [1, 1, 0]))).toThrow(
      /shares of point 0/,
    );
    const even = () => Array.from({ length: 9 }, () => [1 / 3, 1 / 3, 1 / 3]);
    expect(callback(even)).toBeCloseTo(tree(x, y) as number, 13);
  });
  test("a callback may depend on the point and the tree", () => {
    const byDistance = tree(x, y, { splitting: { kind: "distance", delta: 2 } }) as number;
    const shares = (points: readonly (readonly number[])[], { theta, source }: (typeof trees)[0]) =>
      points.map((point) => {
        const weights = theta.map((v, l) => {
          const from = point.map((c, i) => c - source[l][i]);
          const t = from.reduce((s, c, i) => s + c * v[i], 0);
          return Math.exp(-2 * Math.hypot(...from.map((c, i) => c - t * v[i])));
        });
        const sum = weights.reduce((a, b) => a + b, 0);
        return weights.map((w) => w / sum);
      });
    expect(tree(x, y, { splitting: { kind: "callback", shares } })).toBeCloseTo(byDistance, 13);
  });
  test("trees that contradict themselves are refused", () => {
    const [good] = trees;
    const bad = (change: Partial<typeof good>, problem: RegExp) =>
      expect(() => treeSlicedWasserstein(x, y, { trees: [{ ...good, ...change }] })).toThrow(
        problem,
      );
    expect(() => treeSlicedWasserstein(x, y, { trees: [] })).toThrow(/trees is empty/);
    expect(() => treeSlicedWasserstein(x, y, { trees: good as never })).toThrow(/not a list/);
    bad({ theta: undefined as never }, /tree 0 has no list theta/);
    bad({ source: [good.source[0], good.source[1], undefined as never] }, /a source of undefined/);
    bad({ theta: [[2, 0], good.theta[1], good.theta[2]] }, /direction of length 2, expected 1/);
    bad({ parent: [-1, -1, 2] }, /line 2 of tree 0 has parent 2/);
    bad({ source: [good.source[0], good.source[1], [9, 9]] }, /another source/);
    bad({ parent: [-1, -1, 0], position: [0, 0, 3] }, /source off its parent, line 0/);
    bad({ position: [0, 0] }, /2 positions/);
    bad({ theta: [[1, 0, 0], good.theta[1], good.theta[2]] }, /direction of 3/);
    bad({ position: [0, 0, Number.NaN] }, /not finite/);
  });
  test("sampleTrees refuses what cannot be", () => {
    const bad = (more: Partial<SampleTreesOptions>, problem: RegExp) =>
      expect(() => sampleTrees({ trees: 1, lines: 3, dimension: 2, seed: 0, ...more })).toThrow(
        problem,
      );
    bad({ shape: "orthogonal" }, /3 orthogonal lines do not fit into dimension 2/);
    bad({ shape: [-1, 0] }, /2 parents for 3 lines/);
    bad({ shape: [-1, 1, 0] }, /parent of line 1 is 1/);
    bad({ shape: "ring" as never }, /shape is "ring"/);
    bad({ trees: 0 }, /trees is 0/);
    bad({ std: -1 }, /std is -1/);
    bad({ around: [normalCloud(3, 5, 1)] }, /dimension 5, expected 2/);
    bad({ around: [] }, /around is empty/);
    bad({ around: x as never }, /around is one cloud, expected a list of clouds/);
    expect(() => pooledMoments()).toThrow(/no clouds/);
  });
});

describe("gradients stay finite", () => {
  const axes = [
    star(
      [0, 0],
      [
        [1, 0],
        [0, 1],
      ],
    ),
  ];
  test.each([1, 2])("at points on a line, order %d", (order) => {
    const onLines = [
      [0, 0],
      [2, 0],
      [0, 3],
    ];
    const { x: gradient } = treeSlicedWassersteinGradient(onLines, y, {
      trees: axes,
      order,
      splitting: { kind: "distance", delta: 2 },
    });
    expect([...gradient.data].every(Number.isFinite)).toBe(true);
    expect([...gradient.data].some((derivative) => derivative !== 0)).toBe(true);
  });
  test.each([1, 1.5, 2])("at equal clouds, order %d: 0", (order) => {
    const tree2 = treeSlicedWassersteinGradient(x, x, {
      trees,
      order,
      splitting: { kind: "distance", delta: 2 },
    });
    const sliced = slicedWassersteinGradient(x, x, { p: order });
    for (const { value, x: gradient } of [tree2, sliced]) {
      expect(value).toBeLessThan(1e-7);
      expect([...gradient.data].every((derivative) => derivative === 0)).toBe(true);
    }
  });
  test("at infinite delta", () => {
    const { x: gradient } = treeSlicedWassersteinGradient(x, y, {
      trees,
      splitting: { kind: "distance", delta: Infinity },
    });
    expect([...gradient.data].every(Number.isFinite)).toBe(true);
  });
});
