// Laws of alignment: an element planted on any model is found again, exactly and under noise.

import { describe, expect, test } from "vitest";
import { alignWeights } from "../../src/align/align.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { invertElement, sampleElement } from "../../src/symmetry/element.ts";
import {
  farthest,
  genericWeights,
  modelFiles,
  modelSpec,
  permutationsOf,
  weightReader as reader,
  withEntry,
  withNoise,
} from "../support/networks.ts";

const seed = 7;

describe(`a planted element (seed ${seed})`, () => {
  for (const file of modelFiles) {
    test(`is found again on ${file}, and its permutations under 1% and 5% of noise`, async () => {
      const spec = modelSpec(file);
      const a = genericWeights(spec, seed);
      const planted = sampleElement(spec, seed);
      const wanted = permutationsOf(spec, invertElement(spec, planted));
      for (const noise of [0, 0.01, 0.05]) {
        const b = actOn(spec, planted, withNoise(a, noise, seed + 1));
        const { element, unidentifiable } = await alignWeights(spec, reader(a), reader(b));
        expect(unidentifiable).toEqual([]);
        expect(permutationsOf(spec, element)).toEqual(wanted);
        const back = farthest(a, actOn(spec, element, b));
        if (noise === 0) expect(back).toBeLessThan(2e-4);
        else expect(back).toBeGreaterThan(noise); // control: noise does not vanish
      }
    });
  }
});

test("unrelated networks stay apart: similarity far below 1", async () => {
  const spec = modelSpec("mlp.onnx");
  const [a, b] = [genericWeights(spec, 1), genericWeights(spec, 2)];
  const { similarity } = await alignWeights(spec, reader(a), reader(b));
  expect(similarity).toBeLessThan(0.6);
  const same = await alignWeights(spec, reader(a), reader(actOn(spec, sampleElement(spec, 3), a)));
  expect(same.similarity).toBeCloseTo(1, 4);
});

test("a NaN is named with its tensor", async () => {
  const spec = modelSpec("mlp.onnx");
  const a = genericWeights(spec, 1);
  const bad = withEntry(a, "f.0.bias", 3, NaN);
  await expect(alignWeights(spec, reader(a), reader(bad))).rejects.toThrow(
    /"f\.0\.bias" holds NaN at entry 3/,
  );
});
