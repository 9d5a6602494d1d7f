// Laws of comparison: each verdict for what it stands for, with the evidence that says so.

import { expect, test } from "vitest";
import { compareCheckpoints } from "../../src/compare/compare-checkpoints.ts";
import { knownLayout, rotaryMaps } from "../../src/compare/layouts.ts";
import { reorder } from "../../src/compare/reordering.ts";
import type { Tensor, Weights } from "../../src/core/tensors.ts";
import { weightsSource } from "../../src/formats/tensor-source.ts";
import { inferSpecFromNames } from "../../src/infer/names/infer-names.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { llamaTensors } from "../support/files/model-tensors.ts";
import { genericWeights, modelSpec, withEntry, withNoise } from "../support/networks.ts";

const seed = 13;
const llama = modelSpec("llama_block.onnx");
const [query, key] = ["onnx::MatMul_236", "onnx::MatMul_242"]; // [in, heads * 4]

const compare = (a: Weights, b: Weights, withSpec = true) =>
  compareCheckpoints(weightsSource(a), weightsSource(b), withSpec ? { spec: llama } : {});

const inPlace = (size: number) => Array.from({ length: size }, (_, i) => i);

/** Every head of the columns of a matrix in another rotary layout. */
function convert(tensor: Tensor, permutation: readonly number[]): Tensor {
  const head = permutation.length;
  const columns = inPlace(tensor.shape[1]).map((i) => i - (i % head) + permutation[i % head]);
  return reorder(tensor, [inPlace(tensor.shape[0]), columns]);
}

test(`identical: the same numbers, in another format too (seed ${seed})`, async () => {
  const a = genericWeights(llama, seed);
  const wide = Object.fromEntries(
    Object.entries(a).map(([name, { shape, data }]) => [
      name,
      { shape, data: Float64Array.from(data) },
    ]),
  );
  expect(await compare(a, a)).toMatchObject({ verdict: "identical", tensors: [] });
  const other = await compare(a, wide);
  expect(other.verdict).toBe("identical");
  expect(other.structure.formats).toHaveLength(Object.keys(a).length);
});

test("reordered: a rotary conversion is named in both directions and is no symmetry of the graph", async () => {
  const a = genericWeights(llama, seed);
  const [{ permutation }] = rotaryMaps(4);
  const converted = {
    ...a,
    [query]: convert(a[query], permutation),
    [key]: convert(a[key], permutation),
  };
  for (const [first, second] of [
    [a, converted],
    [converted, a],
  ]) {
    const { verdict, layouts, reordered } = await compare(first, second);
    expect(verdict).toBe("reordered");
    expect(reordered.map(({ tensor }) => tensor)).toEqual([query, key]);
    expect(layouts).toMatchObject({
      otherwise: "identical",
      found: [
        { tensor: query, dimension: 1, layout: { kind: "rotary" } },
        { tensor: key, dimension: 1, layout: { kind: "rotary" } },
      ],
    });
  }
  const moved = await compare(
    a,
    actOn(llama, sampleElement(llama, seed, { scales: false }), converted),
  );
  expect(moved).toMatchObject({ verdict: "reordered", layouts: { otherwise: "symmetric" } });
  expect(moved.layouts?.found.map(({ tensor }) => tensor)).toEqual([query, key]);
  const unknown = await compare(a, converted, false);
  expect(unknown.verdict).toBe("reordered");
  expect(unknown.layouts).toBeUndefined();
});

test("a Llama checkpoint converted between the Meta and the Hugging Face row order: the direction is named, either way", async () => {
  const shapes = llamaTensors(2, 24, 4, 2, 8);
  const { spec } = inferSpecFromNames(shapes, { heads: 4, keyValueHeads: 2, headSize: 8 });
  const huggingFace = genericWeights(spec, seed);
  const projections = Object.keys(huggingFace).filter((name) => /\.[qk]_proj\./.test(name));
  // Row 2 i + s of an interleaved head is row 4 s + i of a half-split one, for heads of 8.
  const interleaved = ({ shape, data }: Tensor): Tensor => {
    const [rows, columns] = shape;
    const target = data.slice();
    for (let row = 0; row < rows; row++) {
      const at = row % 8;
      const from = row - at + 4 * (at % 2) + Math.floor(at / 2);
      target.set(data.subarray(from * columns, (from + 1) * columns), row * columns);
    }
    return { shape, data: target };
  };
  const meta = Object.fromEntries(
    Object.entries(huggingFace).map(([name, tensor]) => [
      name,
      projections.includes(name) ? interleaved(tensor) : tensor,
    ]),
  );
  const moved = actOn(spec, sampleElement(spec, seed, { scales: false }), meta);
  for (const [a, b, name, otherwise] of [
    [
      huggingFace,
      meta,
      /half-split .* in the first file, interleaved .* in the second/,
      "identical",
    ],
    [
      meta,
      huggingFace,
      /interleaved .* in the first file, half-split .* in the second/,
      "identical",
    ],
    [
      huggingFace,
      moved,
      /half-split .* in the first file, interleaved .* in the second/,
      "symmetric",
    ],
    [
      moved,
      huggingFace,
      /interleaved .* in the first file, half-split .* in the second/,
      "symmetric",
    ],
  ] as const) {
    const { verdict, layouts } = await compareCheckpoints(weightsSource(a), weightsSource(b), {
      spec,
    });
    expect([verdict, layouts?.otherwise]).toEqual(["reordered", otherwise]);
    expect(layouts?.found.map(({ tensor }) => tensor)).toEqual(projections);
    for (const { dimension, layout } of layouts?.found ?? []) {
      expect(dimension).toBe(0);
      expect(layout.name).toMatch(name);
    }
  }
});

test("rotary layouts of heads of 8 and more have a direction; other reorderings have no name", () => {
  const [toHalves, toPairs] = rotaryMaps(8);
  const twice = (p: readonly number[]) => [...p, ...p.map((i) => i + p.length)];
  expect(knownLayout(twice(toHalves.permutation))?.name).toMatch(
    /half-split.*first.*interleaved.*second/,
  );
  expect(knownLayout(twice(toPairs.permutation))?.name).toMatch(
    /interleaved.*first.*half-split.*second/,
  );
  // query and key of a fused matrix moved, value in place
  expect(
    knownLayout([...twice(toHalves.permutation), ...inPlace(8).map((i) => i + 16)])?.kind,
  ).toBe("rotary");
  expect(knownLayout(inPlace(16))).toBeUndefined();
  expect(knownLayout([3, 1, 2, 0, 4, 5, 6, 7])).toBeUndefined();
});

test("orders of gates and of fused queries, keys and values have names", () => {
  const blocks = (order: readonly number[], size: number) =>
    order.flatMap((k) => inPlace(size).map((i) => k * size + i));
  expect(knownLayout(blocks([0, 3, 1, 2], 5))?.name).toMatch(/PyTorch.*ONNX/);
  expect(knownLayout(blocks([0, 2, 3, 1], 5))?.name).toMatch(/ONNX.*PyTorch/);
  expect(knownLayout(blocks([1, 0, 2], 5))?.name).toMatch(/GRU/);
  const byHead = [0, 3, 1, 4, 2, 5]; // [2 heads, 3] in the first file, [3, 2] in the second
  expect(
    knownLayout(
      blocks(
        byHead.map((_, at) => (at % 2) * 3 + Math.floor(at / 2)),
        4,
      ),
    )?.kind,
  ).toBe("head-interleaving");
});

test("different: where, how much, and how much remains after the best alignment", async () => {
  const a = genericWeights(llama, seed);
  const moved = actOn(llama, sampleElement(llama, seed), withNoise(a, 0.01, seed));
  const { verdict, tensors, alignment } = await compare(a, moved);
  expect(verdict).toBe("different");
  expect(tensors).toHaveLength(Object.keys(a).length);
  expect(alignment?.similarity).toBeGreaterThan(0.99);
  for (const { relative } of alignment?.remaining ?? []) expect(relative).toBeLessThan(0.1);
  const moving = tensors.filter(({ tensor }) => !tensor.includes("Constant")); // a table stays
  for (const { relative } of moving) expect(relative).toBeGreaterThan(0.2); // control: before it
});

test("one changed row is found in its place", async () => {
  const a = genericWeights(llama, seed);
  const { tensors } = await compare(a, withEntry(a, query, 3 * 16 + 5, 9));
  expect(tensors).toMatchObject([{ tensor: query, changedIndices: [1, 1] }]);
});

test("missing, extra and reshaped tensors come first, and NaN is not aligned", async () => {
  const a = genericWeights(llama, seed);
  const { "n1.weight": gone, ...rest } = a;
  const b = { ...rest, "n2.weight": { shape: [3, 4], data: a["n2.weight"].data }, more: gone };
  expect(await compare(a, b)).toMatchObject({
    verdict: "different",
    structure: { missing: ["n1.weight"], extra: ["more"], reshaped: [{ tensor: "n2.weight" }] },
  });
  const bad = await compare(a, withEntry(a, "n1.weight", 2, NaN));
  expect(bad).toMatchObject({ verdict: "different", tensors: [{ notFinite: [0, 1] }] });
  expect(bad.alignment).toBeUndefined();
});
