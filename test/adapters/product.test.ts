// The product scale * B A by QR decompositions of thin factors: what PEFT and LyCORIS add to weights, entry by entry.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Adapter } from "../../src/adapters/adapter.ts";
import { type Factors, readFactors } from "../../src/adapters/factors.ts";
import { normOfSum, thinSVD, type ThinSVD } from "../../src/adapters/product.ts";
import { thinQR } from "../../src/adapters/thin-qr.ts";
import { randomStream } from "../../src/core/random.ts";
import { fixturePath, openFixture } from "../support/adapters/adapters.ts";

type Truth = Record<string, Record<string, { shape: number[]; delta: number[] }>>;
const truth = JSON.parse(readFileSync(fixturePath("truth.json"), "utf8")) as Truth;

/** U S V^T, row by row. */
function dense({ values, left, right }: ThinSVD): number[] {
  return Array.from({ length: left.rows * right.rows }, (_, at) => {
    const [i, j] = [Math.floor(at / right.rows), at % right.rows];
    return values.reduce(
      (sum, s, k) => sum + s * left.data[k * left.rows + i] * right.data[k * right.rows + j],
      0,
    );
  });
}

const norm = (values: readonly number[]) => Math.hypot(...values);

async function productOf(adapter: Adapter, stem: string) {
  const layer = adapter.layers.find((one) => one.stem === stem)!;
  return { layer, factors: await readFactors(adapter.source, layer) };
}

describe.each(Object.keys(truth))("what %s adds", (name) => {
  test.each(Object.keys(truth[name]))(
    "to %s is what the library that wrote it adds",
    async (stem) => {
      const adapter = await openFixture(name === "locon-tucker" ? `${name}.safetensors` : name);
      const { layer, factors } = await productOf(adapter, stem);
      const { shape, delta } = truth[name][stem];
      const product = dense(thinSVD([{ factors, weight: 1 }], 0));
      // PEFT turns the product of an embedding round.
      const isTurned = layer.style.embedding === true;
      expect(layer.shape).toEqual(isTurned ? shape.toReversed() : shape);
      const expected = isTurned
        ? Array.from({ length: delta.length }, (_, at) => {
            const [i, j] = [Math.floor(at / shape[0]), at % shape[0]];
            return delta[j * shape[1] + i];
          })
        : delta;
      const off = norm(product.map((x, i) => x - expected[i])) / norm(expected);
      expect(off).toBeLessThan(2e-6);
      expect(normOfSum([{ factors, weight: 1 }])).toBeCloseTo(norm(expected), 4);
      // The control: with the scale of another alpha it is not.
      const doubled = dense(
        thinSVD([{ factors: { ...factors, scale: 2 * factors.scale }, weight: 1 }], 0),
      );
      expect(norm(doubled.map((x, i) => x - expected[i])) / norm(expected)).toBeGreaterThan(0.5);
    },
  );
});

const columns = (rows: number, count: number, seed: number) => {
  const random = randomStream(seed);
  return {
    rows,
    columns: count,
    data: Float64Array.from({ length: rows * count }, () => random.normal()),
  };
};

const factorsOf = (out: number, width: number, rank: number, seed: number): Factors => ({
  up: columns(out, rank, seed),
  down: columns(width, rank, seed + 1),
  scale: 0.5,
  terms: 1,
  noise: 0,
});

describe("thin decompositions", () => {
  test.each([
    [9, 4],
    [4, 4],
    [3, 7],
    [1, 1],
  ])("Q R is the matrix, of %i rows and %i columns", (rows, count) => {
    const matrix = columns(rows, count, 5);
    const { size, upper, timesQ } = thinQR({ ...matrix, data: matrix.data.slice() });
    const r = { rows: size, columns: count, data: new Float64Array(size * count) };
    for (let i = 0; i < size; i++)
      for (let j = 0; j < count; j++) r.data[j * size + i] = upper[i * count + j];
    const product = timesQ(r);
    const off = matrix.data.map((x, i) => Math.abs(x - product.data[i]));
    expect(Math.max(...off)).toBeLessThan(1e-14);
    for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) expect(upper[i * count + j]).toBe(0);
  });

  test("a difference of equal products is 0 to float64, where Gram matrices leave its root", () => {
    const factors = factorsOf(40, 30, 5, 1);
    const all = [
      { factors, weight: 1 },
      { factors, weight: -1 },
    ];
    const size = normOfSum([{ factors, weight: 1 }]);
    expect(normOfSum(all)).toBeLessThan(1e-14 * size);
    const moved = factors.up.data.map((x, i) => (i === 7 ? x + 1e-10 : x));
    const other = { ...factors, up: { ...factors.up, data: moved } };
    const off = normOfSum([
      { factors, weight: 1 },
      { factors: other, weight: -1 },
    ]);
    const row = norm(Array.from({ length: 30 }, (_, j) => factors.down.data[j]));
    expect(off).toBeCloseTo(0.5 * 1e-10 * row, 14);
  });

  test("a sum of products has the rank of both, and singular values that fall", () => {
    const all = [
      { factors: factorsOf(12, 10, 3, 1), weight: 0.5 },
      { factors: factorsOf(12, 10, 2, 8), weight: 0.5 },
    ];
    const svd = thinSVD(all, 1e-12);
    expect(svd.values).toHaveLength(5);
    expect([...svd.values]).toEqual([...svd.values].toSorted((a, b) => b - a));
    const product = dense(svd);
    const expected = all.map(({ factors, weight }) => dense(thinSVD([{ factors, weight }], 0)));
    const off = product.map((x, i) => x - expected[0][i] - expected[1][i]);
    expect(norm(off)).toBeLessThan(1e-13 * norm(product));
  });

  test("ranks above the sizes of a layer are followed", () => {
    const factors = factorsOf(3, 4, 9, 2);
    const svd = thinSVD([{ factors, weight: 1 }], 1e-12);
    expect(svd.values).toHaveLength(3);
    expect(norm(dense(svd))).toBeCloseTo(normOfSum([{ factors, weight: 1 }]), 12);
  });
});
