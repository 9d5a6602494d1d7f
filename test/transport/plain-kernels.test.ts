// What plain distances are made of: sorted orders and products with directions, held to their definitions.

import { describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { project, projectAll, pullBack } from "../../src/transport/sliced.ts";
import { sortOrder } from "../../src/transport/sort-order.ts";

const random = randomStream(7);

describe("sortOrder", () => {
  const kinds: Record<string, () => number> = {
    "normal numbers": () => random.normal(),
    "a few whole numbers": () => random.integer(5) - 2,
    "zeros of both signs": () => [0, -0, 1, -1][random.integer(4)],
    "numbers whose upper halves are equal": () => 1 + random.uniform() * 1e-12,
    "negative numbers whose upper halves are equal": () => -1 - random.uniform() * 1e-12,
    "numbers of all sizes": () => random.normal() * 10 ** (random.integer(600) - 300),
    "infinite and subnormal numbers": () =>
      [Infinity, -Infinity, 1e-310, -1e-310, 0][random.integer(5)],
  };
  test.each(Object.entries(kinds))("orders %s, and keeps the places of equal ones", (_, draw) => {
    for (const size of [0, 1, 2, 299, 300, 1023, 1024, 5000]) {
      const keys = Float64Array.from({ length: size }, draw);
      const expected = [...keys.keys()].sort((a, b) => keys[a] - keys[b] || a - b);
      expect([...sortOrder(keys)]).toEqual(expected);
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

/** Points, dimension, directions: rows below and above what the kernel takes, odd ones, several blocks of each. */
const sizes = [
  [5, 2, 3],
  [1, 17, 1],
  [7, 33, 5],
  [333, 100, 37],
  [3, 40_000, 9],
  [3000, 50, 20],
  [40, 16, 300],
] as const;

describe.each(sizes)("%i points in %i dimensions on %i directions", (size, dimension, lines) => {
  const draw = (count: number) => Float64Array.from({ length: count }, () => random.normal());
  const cloud = { size, dimension, data: draw(size * dimension) };
  const directions = Array.from({ length: lines }, () => draw(dimension));

  test("projects as one direction after another does", () => {
    const together = projectAll(cloud, directions);
    for (const [l, direction] of directions.entries()) {
      const alone = project(cloud, direction);
      const largest = Math.max(...alone.map(Math.abs));
      for (let i = 0; i < size; i++)
        expect(Math.abs(together[l][i] - alone[i])).toBeLessThan(1e-13 * largest * dimension);
    }
  });

  test("pulls back by the adjoint map", () => {
    const coefficients = directions.map(() => draw(size));
    const pulled = pullBack(coefficients, directions);
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
