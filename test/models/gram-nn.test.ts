// The Gram functional: its numbers by their definition, invariant under reordering, and seeing what statistics of tensors do not.

import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { gramNN } from "../../src/models/gram-nn.ts";
import { statNN } from "../../src/models/stat-nn.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { cnnSpec } from "../../src/symmetry/presets/cnn.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { gruSpec } from "../../src/symmetry/presets/recurrent.ts";
import { transformerSpec } from "../../src/symmetry/presets/transformer.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { toBatch } from "../../src/testing/equivariance.ts";
import { randomWeights } from "../../src/testing/random.ts";

beforeAll(() => startEngine());

const read = async (model: ReturnType<typeof gramNN>, weights: Weights) =>
  Array.from((await model.vector!.read(toBatch(weights)).data()) as Float32Array);

const furthest = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((v, i) => Math.abs(v - b[i])));

const specs: [string, SymmetrySpec][] = [
  ["MLP", mlpSpec([4, 6, 5, 3])],
  ["CNN", cnnSpec({ channels: [1, 4, 5], classes: 3 })],
  ["GRU", gruSpec({ inputs: 3, hidden: 4, outputs: 2 })],
  [
    "wreath",
    defineSpec({
      axes: {
        head: { size: 2, group: "permutation" },
        v: { size: 3, group: "permutation", within: "head" },
        r: { size: 5, group: "permutation" },
      },
      tensors: {
        value: ["head * v", "r"],
        out: ["r", "head * v"],
        bias: ["head * v"],
        temperature: [],
      },
    }),
  ],
];

describe.each(specs)("%s", (_, spec) => {
  test("its numbers do not change along an orbit, and do when one tensor alone is reordered", async () => {
    const model = gramNN(spec);
    const weights = randomWeights(spec, 1);
    const own = await read(model, weights);
    const element = sampleElement(spec, 5);
    expect(furthest(own, await read(model, actOn(spec, element, weights)))).toBeLessThan(1e-3);
    const moved = actOn(spec, element, weights);
    const [first] = Object.keys(spec.tensors);
    const torn = { ...weights, [first]: moved[first] };
    expect(furthest(own, await read(model, torn))).toBeGreaterThan(0.01);
    const statistics = statNN(spec);
    const seen = await read(statistics, weights);
    expect(furthest(seen, await read(statistics, torn))).toBeLessThan(1e-5);
  });
  test("its head fits its vector", async () => {
    const model = gramNN(spec, { head: [4, 2] });
    const values = await model.apply(model.init(0), toBatch(randomWeights(spec, 1))).data();
    expect(values.length).toBe(2);
  });
});

/** tr(A B) of symmetric matrices. */
const overlap = (a: number[][], b: number[][]) =>
  a.reduce((sum, row, i) => sum + row.reduce((s, v, j) => s + v * b[i][j], 0), 0);

const product = (a: number[][], b: number[][]) =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, v, k) => sum + v * b[k][j], 0)));

/** The Gram matrix of rows with a trace of 1. */
function gram(rows: number[][]): number[][] {
  const trace = rows.flat().reduce((sum, v) => sum + v * v, 0);
  return rows.map((a) => rows.map((b) => a.reduce((sum, v, k) => sum + v * b[k], 0) / trace));
}

test("of two tensors on one axis it reads sizes, moments, means and overlaps", async () => {
  const spec = defineSpec({
    axes: { h: { size: 3, group: "permutation" } },
    tensors: { w: ["h", "2"], b: ["h"] },
  });
  const w = [
    [0.5, -1],
    [2, 0.25],
    [-0.75, 1.5],
  ];
  const b = [0.3, -0.2, 1];
  const log = (x: number) => Math.log(x + 1e-4);
  const size = (values: number[]) =>
    Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
  const [g, h] = [gram(w), gram(b.map((v) => [v]))];
  const columns = gram([0, 1].map((j) => w.map((row) => row[j])));
  const diagonal = (m: number[][]) => m.map((row, i) => row.map((v, j) => (i === j ? v : 0)));
  const moments = (m: number[][]) => {
    const n = m.length;
    const squared = product(m, m);
    return [overlap(squared, m) * n ** 2, overlap(squared, squared) * n ** 3];
  };
  const mean = (m: number[][]) => m.flat().reduce((sum, v) => sum + v, 0);
  const expected = [
    size(w.flat()),
    size(b),
    ...moments(g),
    mean(g),
    mean(h),
    3 * overlap(g, g),
    3 * overlap(g, h),
    ...[[g, g] as const, [g, h] as const, [h, h] as const].map(
      ([x, y]) => 3 * overlap(diagonal(x), diagonal(y)),
    ),
    ...moments(columns),
    mean(columns),
    2 * overlap(columns, columns),
    2 * overlap(diagonal(columns), diagonal(columns)),
  ].map(log);
  const values = await read(gramNN(spec), {
    w: { shape: [3, 2], data: Float32Array.from(w.flat()) },
    b: { shape: [3], data: Float32Array.from(b) },
  });
  const seen = values.slice(14); // after seven statistics of each tensor
  expect(seen.length).toBe(expected.length);
  expect(furthest(seen, expected)).toBeLessThan(1e-4);
  expect(expected.every((v) => Math.abs(v) > 1e-3)).toBe(true);
});

test("tensors of zeros, and weights whose squares overflow, are read as numbers", async () => {
  const spec = mlpSpec([2, 3, 1]);
  const times = (factor: number) =>
    Object.fromEntries(
      Object.entries(randomWeights(spec, 1)).map(([name, { shape, data }]) => [
        name,
        { shape, data: data.map((v) => factor * v) },
      ]),
    );
  const model = gramNN(spec);
  const huge = await read(model, times(1e30));
  expect((await read(model, times(0))).every(Number.isFinite)).toBe(true);
  expect(huge.every(Number.isFinite)).toBe(true);
  const plain = await read(model, times(1));
  const overlaps = (values: number[]) => values.slice(8 * 4); // after statistics and sizes
  expect(furthest(overlaps(huge), overlaps(plain))).toBeLessThan(1e-4);
});

test("it reads Transformers too", async () => {
  const spec = transformerSpec({ layers: 1, heads: 2, width: 8, vocabulary: 5, positions: 4 });
  const model = gramNN(spec);
  const [a, b] = [
    await read(model, randomWeights(spec, 1)),
    await read(model, randomWeights(spec, 2)),
  ];
  expect(a.every(Number.isFinite)).toBe(true);
  expect(furthest(a, b)).toBeGreaterThan(0.01);
});

test("dimensions of which no matrix of pairs fits are refused, naming the tensor", () => {
  const of = (size: number) => () =>
    gramNN(
      defineSpec({
        axes: { h: { size, group: "permutation" } },
        tensors: { w: ["h", "2"] },
      }),
    );
  expect(of(5000)).toThrow(/"w" has a dimension of 5000 entries, expected at most 4096/);
  expect(of(4096)).not.toThrow();
});
