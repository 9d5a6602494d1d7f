// Laws of sketches: equal over an orbit, near for near networks, apart for unrelated ones, on every model.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compareSketches, type Sketch, sketchWeights } from "../../src/identity/sketch.ts";
import { sketchFromJSON } from "../../src/identity/sketch-json.ts";
import { randomStream } from "../../src/core/random.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { hasPhases, windingStep } from "../../src/symmetry/phases.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { randomWeights } from "../../src/testing/random.ts";

const folder = new URL("../fixtures/models/", import.meta.url);
const models = readdirSync(folder).filter((file) => file.endsWith(".onnx"));
const seed = 11;

const specOf = (file: string) => inferSpec(readOnnx(readFileSync(new URL(file, folder)))).spec;
const sketch = (spec: SymmetrySpec, weights: Weights, size?: number): Promise<Sketch> =>
  sketchWeights(spec, async (name) => weights[name], size === undefined ? {} : { size });

/** Noise in units of what weights are of the order of: 1, for biases in front of sines pi/omega. */
function withNoise({ axes, tensors }: SymmetrySpec, weights: Weights, share: number): Weights {
  const random = randomStream(seed + 1);
  const unitOf = (name: string) => {
    const { shift } = tensors[name];
    return shift === undefined ? 1 : windingStep(axes[shift]);
  };
  return Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((x) => x + share * unitOf(name) * random.normal()) },
    ]),
  );
}

describe(`sketches (seed ${seed})`, () => {
  test("there are models", () => expect(models.length).toBe(19));

  for (const file of models) {
    test(`are equal over an orbit of ${file}, near under noise, apart for unrelated weights`, async () => {
      const spec = specOf(file);
      const weights = randomWeights(spec, seed);
      const own = await sketch(spec, weights);
      expect(own.open).toEqual([]);
      const like = async (other: Weights) => compareSketches(own, await sketch(spec, other));
      expect(await like(weights)).toBeCloseTo(1, 12);
      for (const element of [1, 2])
        expect(await like(actOn(spec, sampleElement(spec, element), weights))).toBeGreaterThan(
          0.9999,
        );
      const noised = [];
      for (const share of [0.01, 0.05, 0.3])
        noised.push(await like(withNoise(spec, weights, share)));
      expect(noised[0]).toBeGreaterThan(0.99);
      expect(noised[1]).toBeGreaterThan(hasPhases(spec) ? 0.8 : 0.9); // 9 degrees of a sine
      expect(noised).toEqual(noised.toSorted((a, b) => b - a));
      for (const stream of [1, 2, 3]) {
        const unrelated = await like(randomWeights(spec, stream)); // the control
        expect(unrelated).toBeLessThan(0.45);
        expect(unrelated).toBeLessThan(noised[2]);
      }
    });
  }

  test("a change that is no symmetry is seen: one axis of two tensors moved in one of them", async () => {
    const spec = specOf("mlp.onnx");
    const weights = randomWeights(spec, seed);
    const element = sampleElement(spec, seed);
    const moved = actOn(spec, element, weights);
    const [name] = Object.keys(spec.tensors).filter((each) => spec.tensors[each].shape.length > 1);
    const half = { ...weights, [name]: moved[name] };
    const own = await sketch(spec, weights);
    expect(compareSketches(own, await sketch(spec, half))).toBeLessThan(0.9);
  });

  test("do not depend on the order of tensors and axes, the names of axes, nor on wider numbers", async () => {
    const spec = specOf("mlp.onnx");
    const weights = randomWeights(spec, seed);
    const own = await sketch(spec, weights);
    const wide = Object.fromEntries(
      Object.entries(weights).map(([name, { shape, data }]) => [
        name,
        { shape, data: Float64Array.from(data) },
      ]),
    );
    const backwards: SymmetrySpec = {
      ...spec,
      axes: Object.fromEntries(Object.entries(spec.axes).reverse()),
      tensors: Object.fromEntries(Object.entries(spec.tensors).reverse()),
    };
    const other = await sketch(backwards, wide);
    for (const [i, { values }] of own.blocks.entries())
      for (const [k, value] of values.entries())
        expect(Math.abs(value - other.blocks[i].values[k])).toBeLessThan(2e-5); // a last digit
    const renamed = defineSpec({
      axes: { a: { size: 5, group: "permutation" }, b: { size: 3, group: "fixed" } },
      tensors: { w: { shape: [5, 3], axes: ["a", "b"] } },
    });
    const same = defineSpec({
      axes: { x: { size: 5, group: "permutation" }, y: { size: 3, group: "fixed" } },
      tensors: { w: { shape: [5, 3], axes: ["x", "y"] } },
    });
    const w = randomWeights(same, seed);
    expect(compareSketches(await sketch(renamed, w), await sketch(same, w))).toBeCloseTo(1, 12);
  });

  test("read each tensor a few times and stop when told", async () => {
    const spec = specOf("vit_block.onnx");
    const weights = randomWeights(spec, seed);
    const reads = new Map<string, number>();
    await sketchWeights(spec, async (name) => {
      reads.set(name, (reads.get(name) ?? 0) + 1);
      return weights[name];
    });
    expect(Math.max(...reads.values())).toBeLessThanOrEqual(16);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(sketchWeights(spec, async (name) => weights[name], { signal })).rejects.toThrow(
      "enough",
    );
  });
});

describe("what is refused", () => {
  const spec = specOf("mlp.onnx");
  const weights = randomWeights(spec, seed);

  test("sketches of different specs, with the difference named", async () => {
    const other = specOf("siren.onnx");
    const [a, b] = [await sketch(spec, weights), await sketch(other, randomWeights(other, 1))];
    expect(() => compareSketches(a, b)).toThrow(
      /different specs: tensor ".*" is only in the first/,
    );
  });
  test("sketches of different sizes", async () => {
    const [a, b] = [await sketch(spec, weights), await sketch(spec, weights, 150)];
    expect(() => compareSketches(a, b)).toThrow(/have sizes 2048 and 150, expected the same/);
  });
  test("NaN and impossible sizes", async () => {
    const [name] = Object.keys(weights);
    const { shape, data } = weights[name];
    const broken = { ...weights, [name]: { shape, data: data.with(1, Number.NaN) } };
    await expect(sketch(spec, broken)).rejects.toThrow(/NaN at entry 1/);
    await expect(sketch(spec, weights, 0)).rejects.toThrow(/size must be a whole number/);
  });
});

test("a sketch is JSON and reads back to itself; anything else is one clear error", async () => {
  const spec = specOf("torch_mha.onnx");
  const own = await sketch(spec, randomWeights(spec, seed));
  const text = JSON.stringify(own);
  expect(text.length).toBeLessThan(40_000);
  expect(sketchFromJSON(JSON.parse(text))).toEqual(own);
  for (const damage of [null, [], { ...own, format: "other" }, { ...own, blocks: [{ place: 1 }] }])
    expect(() => sketchFromJSON(damage)).toThrow(/sketchFromJSON: not a sketch/);
});
