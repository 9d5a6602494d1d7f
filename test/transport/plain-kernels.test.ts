// What plain distances are made of: sorted orders and products with directions, held to their definitions.

import { describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { centreClouds, placeOnTrees } from "../../src/transport/tree-coordinates.ts";
import { sampleTrees } from "../../src/transport/sample-trees.ts";
import { hasFusedMultiplyAdd } from "../../src/kernels/wasm/fused-multiply-add.ts";
import { sharePoints } from "../../src/transport/numeric/sharing-kernel.ts";
import { startNodeThread } from "../../src/node/threads/kernel-threads.ts";
import { projectionModule } from "../../src/transport/numeric/projection-module.ts";
import { directionMatrix, projectWith } from "../../src/transport/numeric/projection-kernel.ts";
import { project, projectAll, pullBack } from "../../src/transport/numeric/projection.ts";
import { sortLines, sortOrders } from "../../src/transport/numeric/sort-lines.ts";
import { sortAscending, sortOrder } from "../../src/transport/numeric/sort-order.ts";
import { longestSorted } from "../../src/transport/numeric/sorting-network.ts";

const random = randomStream(7);

/** What lists of numbers are made of. */
const kinds: Record<string, () => number> = {
  "normal numbers": () => random.normal(),
  "a few whole numbers": () => random.integer(5) - 2,
  "zeros of both signs": () => [0, -0, 1, -1][random.integer(4)],
  "numbers whose upper halves are equal": () => 1 + random.uniform() * 1e-12,
  "negative numbers whose upper halves are equal": () => -1 - random.uniform() * 1e-12,
  "numbers of all sizes": () => random.normal() * 10 ** (random.integer(600) - 300),
  "numbers with heavy tails": () => random.normal() / (random.uniform() + 1e-9) ** 2,
  "numbers that grow by factors": () => Math.exp(20 * random.normal()),
  "numbers far from zero": () => 1e9 + random.normal(),
  "infinite and subnormal numbers": () =>
    [Infinity, -Infinity, 1e-310, -1e-310, 0][random.integer(5)],
};

/** The order by definition: equal numbers keep their places, zeros of both signs are equal. */
const orderOf = (keys: Float64Array): number[] =>
  [...keys.keys()].sort((a, b) => (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : a - b));

describe("sortOrder", () => {
  test.each(Object.entries(kinds))("orders %s, and keeps the places of equal ones", (_, draw) => {
    for (const size of [0, 1, 2, 63, 64, 299, 300, 1023, 1024, 5000, 140_000]) {
      const keys = Float64Array.from({ length: size }, draw);
      const expected = orderOf(keys);
      expect([...sortOrder(keys)]).toEqual(expected);
      const alone = keys.slice();
      sortAscending(alone);
      const sorted = expected.map((i) => keys[i] + 0); // -0 + 0 is 0
      expect([...alone].map((value) => value + 0)).toEqual(sorted);
    }
  });

  test("reads a part of a longer array", () => {
    const all = Float64Array.from({ length: 1003 }, () => random.normal());
    const keys = all.subarray(3);
    const expected = [...keys.keys()].sort((a, b) => keys[a] - keys[b]);
    expect([...sortOrder(keys)]).toEqual(expected);
    expect([...sortOrder(all)]).not.toEqual(expected); // control
  });
});

describe("lists that are sorted two at a time", () => {
  const own = randomStream(8);
  const sizes = [1, 2, 7, 8, 9, 16, 17, 100, 500, 1001, 2048, longestSorted, longestSorted + 1];
  test.each(Object.entries(kinds))("%s: as one by one", (_, draw) => {
    for (const size of sizes) {
      // The second is shorter; the third stands alone.
      const lists = [size, Math.max(0, size - 5), size].map((length) =>
        Float64Array.from({ length }, draw),
      );
      const expected = lists.map(orderOf);
      expect(sortOrders(lists).map((order) => [...order])).toEqual(expected);
      const sorted = lists.map((keys, l) => expected[l].map((i) => keys[i] + 0)); // -0 + 0 is 0
      const plain = (keys: Float64Array) => [...keys].map((value) => value + 0);
      const alone = lists.map((keys) => keys.slice());
      sortLines(alone);
      expect(alone.map(plain)).toEqual(sorted);
    }
  });

  test("equal numbers keep their places, which an order of other numbers does not", () => {
    const keys = Float64Array.from({ length: 999 }, () => own.integer(9));
    const near = keys.map((key) => key + 1e-13 * own.uniform());
    expect([...sortOrders([keys])[0]]).toEqual(orderOf(keys));
    expect([...sortOrders([near])[0]]).toEqual(orderOf(near));
    expect(orderOf(near)).not.toEqual(orderOf(keys)); // control
  });
});

/** Points, dimension, directions: rows below and above what the kernel takes, odd ones, several blocks of each. */
const sizes = [
  [5, 2, 3],
  [1, 17, 1],
  [7, 33, 5],
  [333, 100, 37],
  [3, 40_000, 9],
  [3000, 50, 20],
  [40, 16, 300],
  [70, 1030, 6],
  [520, 513, 258],
] as const;

describe("sharing a point's mass among lines by their distances", () => {
  /** Shares and distances of points in so many dimensions around one source, which coordinates on unit directions do not tell. */
  const shared = (size: number, lines: number, steepness: number) => {
    const numbers = () => Array.from({ length: lines }, () => new Float64Array(size));
    const squares = new Float64Array(size).map(() => 10 ** (4 * random.uniform()));
    const coordinates = numbers().map((line) =>
      line.map((_, i) => Math.sqrt(squares[i]) * (2 * random.uniform() - 1)),
    );
    const [distances, shares] = [numbers(), numbers()];
    const points = { coordinates, squares: coordinates.map(() => squares), distances, shares };
    const exact = (i: number, l: number) => Math.sqrt(squares[i] - coordinates[l][i] ** 2);
    let measured = 0;
    sharePoints(points, steepness, (i, l) => {
      measured++;
      return exact(i, l);
    });
    return { distances, shares, exact, measured };
  };

  test.each([
    [1, 1, 1],
    [7, 4, 1],
    [1500, 4, 10],
    [2049, 3, -2],
    [300, 200, 0.1],
    [5, 20_000, 0.01],
    [40, 5, 0],
  ])("%i points and %i lines at steepness %f: softmax to the digits", (size, lines, steepness) => {
    const { distances, shares, exact, measured } = shared(size, lines, steepness);
    expect(measured > 0).toBe(size * lines > 500); // near lines are rare
    for (let i = 0; i < size; i++) {
      const ofPoint = Array.from({ length: lines }, (_, l) => exact(i, l));
      expect(distances.map((line) => line[i])).toEqual(ofPoint);
      const best = Math.min(...ofPoint.map((d) => Math.sign(steepness) * d));
      const factors = ofPoint.map((d) =>
        Math.exp(Math.abs(steepness) * (best - Math.sign(steepness) * d)),
      );
      const sum = factors.reduce((a, b) => a + b, 0);
      const worst = factors.reduce((most, factor, l) => {
        const share = factor / sum;
        const gap = Math.abs(shares[l][i] - share);
        return share < 1e-306 ? most : Math.max(most, gap / share);
      }, 0);
      expect(worst).toBeLessThan(1e-15 + 1e-17 * lines);
    }
  });

  test("has shares that another steepness does not", () => {
    const [seen] = shared(9, 4, 1).shares;
    expect(seen).not.toEqual(new Float64Array(9).fill(0.25));
  });
});

/** Started where a test needs them. */
const threadsOf = (threads: number) => ({
  start: startNodeThread,
  threads,
  sleeps: true,
  atNeed: true,
  free: () => true,
});
const kernels = [
  ...(hasFusedMultiplyAdd() ? [false, true] : [false]).map((fused) => projectionModule(fused)),
  ...[2, 3].map((threads) => projectionModule(hasFusedMultiplyAdd(), threadsOf(threads))),
].map(projectWith);

describe.each(sizes)("%i points in %i dimensions on %i directions", (size, dimension, lines) => {
  const draw = (count: number) => Float64Array.from({ length: count }, () => random.normal());
  const cloud = { size, dimension, data: draw(size * dimension) };
  const directions = Array.from({ length: lines }, () => draw(dimension));

  test("projects as one direction after another does", () => {
    const all = kernels.map((kernel) => {
      const values = directions.map(() => new Float64Array(size));
      kernel([{ data: cloud.data, values }], dimension, directions);
      return values;
    });
    for (const threaded of all.slice(-2)) expect(threaded).toEqual(all.at(-3)); // to the digits
    const sideBySide = projectAll(cloud, directionMatrix(directions));
    for (const together of [projectAll(cloud, directions), sideBySide, ...all]) {
      for (const [l, direction] of directions.entries()) {
        const alone = project(cloud, direction);
        const largest = Math.max(...alone.map(Math.abs));
        const gaps = alone.map((value, i) => Math.abs(together[l][i] - value));
        expect(Math.max(...gaps)).toBeLessThan(1e-13 * largest * dimension);
      }
    }
  });

  test("pulls back by the adjoint map", () => {
    const coefficients = directions.map(() => draw(size));
    const pulled = pullBack(coefficients, directions);
    expect(pullBack(coefficients, directionMatrix(directions))).toEqual(pulled);
    const inner = (a: Float64Array, b: Float64Array) =>
      a.reduce((sum, value, i) => sum + value * b[i], 0);
    const forward = projectAll(cloud, directions).reduce(
      (sum, values, l) => sum + inner(values, coefficients[l]),
      0,
    );
    const scale = Math.sqrt(size * dimension * lines);
    expect(Math.abs(inner(pulled, cloud.data) - forward)).toBeLessThan(1e-10 * scale);
    const moved = Float64Array.from(pulled, (value, i) => (i === 0 ? value + 1 : value));
    const control = inner(moved, cloud.data) - forward;
    expect(Math.abs(control)).toBeGreaterThan(0.5 * Math.abs(cloud.data[0]));
  });
});

describe("placeOnTrees", () => {
  const [size, dimension] = [40, 5];
  const rows = Array.from({ length: size }, () =>
    Array.from({ length: dimension }, () => 1e4 + random.normal()),
  );
  const cloud = { size, dimension, data: Float64Array.from(rows.flat()) };
  const around = (shape: "concurrent" | "chain") =>
    sampleTrees({ trees: 50, lines: 4, dimension, shape, around: [rows], seed: 3 });
  const far = sampleTrees({
    trees: 2,
    lines: 3,
    dimension,
    around: [rows.map((row) => row.map((value) => value - 50))],
    seed: 4,
  });
  const distanceFrom = (row: readonly number[], place: readonly number[]) =>
    row.reduce((sum, value, j) => sum + (value - place[j]) ** 2, 0);

  test.each([
    ["concurrent lines", around("concurrent")],
    ["chains", around("chain")],
    ["trees far from the points and near", [...far, ...around("chain")]],
  ])("gives coordinates and squared distances from the sources on %s", (_, trees) => {
    const centred = centreClouds([cloud], trees[0].source[0]);
    const places = [...placeOnTrees(centred, trees, true)];
    expect(places.length).toBe(trees.length); // more lines than are taken together
    for (const [t, { theta, source }] of trees.entries())
      for (const [l, start] of source.entries())
        for (const [i, row] of rows.entries()) {
          const along = row.reduce((sum, value, j) => sum + (value - start[j]) * theta[l][j], 0);
          const squares = distanceFrom(row, start);
          expect(Math.abs(places[t].coordinates[l][i] - along)).toBeLessThan(1e-10);
          const error = Math.abs((places[t].squares?.[l][i] ?? NaN) - squares);
          expect(error).toBeLessThan(1e-11 * squares);
        }
  });

  test("keeps the digits of a point that lies next to a source", () => {
    const [tree] = around("chain");
    const near = tree.source[3].map((value, j) => value + (j === 0 ? 2 ** -20 : 0));
    const one = { size: 1, dimension, data: Float64Array.from(near) };
    const [{ squares }] = placeOnTrees(centreClouds([one], tree.source[0]), [tree], true);
    expect(Math.sqrt(squares?.[3][0] ?? NaN)).toBeCloseTo(2 ** -20, 11);
    const inner = (a: readonly number[], b: readonly number[]) =>
      a.reduce((sum, value, j) => sum + value * b[j], 0);
    const start = tree.source[3];
    const subtracted = inner(near, near) + inner(start, start) - 2 * inner(near, start);
    expect(Math.abs(subtracted - 2 ** -40)).toBeGreaterThan(0.9 * 2 ** -40); // control: squares alone
  });
});
