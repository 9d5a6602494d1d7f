// Laws of alignment: an element planted on any model is found again, exactly and under noise.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { alignWeights } from "../../src/align/align.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { readOnnx } from "../../src/formats/onnx.ts";
import { actOn } from "../../src/group/act.ts";
import { invertElement, sampleElement } from "../../src/group/element.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { genericWeights, permutationsOf, reader, withNoise } from "../support/generic-weights.ts";

const folder = new URL("../fixtures/models/", import.meta.url);
const models = readdirSync(folder).filter((file) => file.endsWith(".onnx"));
const seed = 7;

const specOf = (file: string) => inferSpec(readOnnx(readFileSync(new URL(file, folder)))).spec;

function farthest(a: Weights, b: Weights): number {
  let most = 0;
  for (const [name, { data }] of Object.entries(a))
    for (const [i, x] of data.entries()) most = Math.max(most, Math.abs(x - b[name].data[i]));
  return most;
}

describe(`a planted element (seed ${seed})`, () => {
  for (const file of models) {
    test(`is found again on ${file}, and its permutations under 1% and 5% of noise`, async () => {
      const spec = specOf(file);
      const a = genericWeights(spec, seed);
      const planted = sampleElement(spec, seed);
      const wanted = permutationsOf(spec, invertElement(spec, planted));
      for (const noise of [0, 0.01, 0.05]) {
        const b = actOn(spec, planted, withNoise(a, noise, seed + 1));
        const { element, open } = await alignWeights(spec, reader(a), reader(b));
        expect(open).toEqual([]);
        expect(permutationsOf(spec, element)).toEqual(wanted);
        const back = farthest(a, actOn(spec, element, b));
        if (noise === 0) expect(back).toBeLessThan(2e-4);
        else expect(back).toBeGreaterThan(noise); // control: noise does not vanish
      }
    });
  }
});

test("unrelated networks stay apart: similarity far below 1", async () => {
  const spec = specOf("mlp.onnx");
  const [a, b] = [genericWeights(spec, 1), genericWeights(spec, 2)];
  const { similarity } = await alignWeights(spec, reader(a), reader(b));
  expect(similarity).toBeLessThan(0.6);
  const same = await alignWeights(spec, reader(a), reader(actOn(spec, sampleElement(spec, 3), a)));
  expect(same.similarity).toBeCloseTo(1, 4);
});

test("a NaN is named with its tensor", async () => {
  const spec = specOf("mlp.onnx");
  const a = genericWeights(spec, 1);
  const bad = { ...a, "f.0.bias": { ...a["f.0.bias"], data: a["f.0.bias"].data.with(3, NaN) } };
  await expect(alignWeights(spec, reader(a), reader(bad))).rejects.toThrow(
    /"f\.0\.bias" holds NaN at entry 3/,
  );
});
