// Sizes of a functional in closed form: the same numbers as the functional itself, and limits where none could be built.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { countLayerTerms } from "../../src/basis/counts.ts";
import { UnsupportedError } from "../../src/core/errors.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { unf } from "../../src/models/unf.ts";
import { functionalSize } from "../../src/plan/functional-size.ts";
import { planSpec } from "../../src/plan/plan-spec.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { shorthand } from "../support/specs.ts";

const fromModel = (name: string) =>
  inferSpec(
    readOnnx(
      readFileSync(fileURLToPath(new URL(`../fixtures/models/${name}.onnx`, import.meta.url))),
    ),
  ).spec;

const fixedSizes = defineSpec({
  axes: {
    pixels: { size: 5, group: "fixed" },
    classes: { size: 3, group: "fixed" },
    hidden: { size: 4, group: "permutation" },
    heads: { size: 2, group: "permutation" },
  },
  tensors: {
    "layers.0.w": ["hidden", "pixels"],
    "layers.1.w": ["hidden", "classes"],
    "layers.2.w": ["hidden", "classes"],
    "layers.7.w": ["classes", "hidden"],
    b: ["hidden"],
    u: ["heads", "heads", "hidden"],
  },
});

const specs = [
  ["an MLP", fromModel("mlp")],
  ["a residual CNN", fromModel("resnet")],
  ["a Transformer block with axes within axes", fromModel("vit_block")],
  ["an LSTM", fromModel("lstm")],
  ["equal roles of unequal sizes", fixedSizes],
  ["repeated axes", shorthand([[0, 0, 1], [1, 0], [1], [0, 0]], { 0: 3, 1: 2 })],
] as const;

describe.each(specs)("%s", (_, spec) => {
  test.each(["fold", "permute"] as const)("%s: sizes are those of the functional", (fixedAxes) => {
    const options = { channels: [1, 3, 5], head: [7, 2] };
    const lowered = lowerSpec(spec, { fixedAxes, dropFactors: true }); // as layers that ignore scales
    const size = functionalSize(lowered, options);
    const count = (share?: object) =>
      unf(spec, { ...options, fixedAxes, ...(share && { share }) }).parameterCount;
    expect(size.parameters).toBe(count());
    expect(size.sharedParameters).toBe(count({}));
    expect(size.products).toBe(planSpec(spec, { fixedAxes }).plan.products.length);
    expect(size.basisTerms).toBe(countLayerTerms(lowered));
    // Control: other channels give another number.
    expect(functionalSize(lowered, { ...options, channels: [1, 3, 6] }).parameters).not.toBe(
      count(),
    );
  });
});

test("fixed axes of thousands of entries give numbers at once, though no array could hold the functional", () => {
  const spec = defineSpec({
    axes: { a: { size: 70_000, group: "fixed" }, b: { size: 60_000, group: "fixed" } },
    tensors: { w: ["a", "b"], v: ["b"] },
  });
  const { parameters } = functionalSize(lowerSpec(spec), { channels: [1, 2], head: [1] });
  const entries = 70_000 * 60_000 + 60_000;
  expect(parameters / (2 * entries * entries)).toBeCloseTo(1, 6);
});

test("a tensor of twenty dimensions along one axis is refused before its terms are listed", () => {
  const spec = shorthand([Array.from({ length: 20 }, () => 0)], 2);
  const refused = () => functionalSize(lowerSpec(spec), { channels: [1, 2], head: [1] });
  expect(refused).toThrow(UnsupportedError);
  expect(refused).toThrow(/"t0" can be read in about .* ways/);
  const small = shorthand([[0, 0, 0, 0]], 2);
  expect(functionalSize(lowerSpec(small), { channels: [1, 2], head: [1] }).basisTerms).toBe(4140);
});
