// Monomial-NFN and MAGEP-NFN as whole models: sizes as published, invariant to the group they are defined for, refused on other
// networks by the axis that stops them.

import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { buildModel } from "../../src/models/registry.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { invarianceError } from "../../src/testing/equivariance.ts";
import { randomWeights } from "../../src/testing/random.ts";
import { noisyParams, weightFunction } from "../support/maps.ts";
import { modelSpec } from "../support/networks.ts";
import { residualSpec } from "../support/specs.ts";

beforeAll(() => startEngine());

/** Three 3 x 3 convolutions of 16 channels on grey images, global pooling, ten classes. */
function cnnZooSpec(scale: "positive" | "sign", width = 16): SymmetrySpec {
  const hidden = { size: width, group: "permutation", scale } as const;
  return defineSpec({
    axes: {
      in: { size: 1, group: "fixed" },
      out: { size: 10, group: "fixed" },
      c1: hidden,
      c2: hidden,
      c3: hidden,
    },
    tensors: {
      "conv1.weight": ["c1", "in", "3", "3"],
      "conv1.bias": ["c1"],
      "conv2.weight": ["c2", "c1^-1", "3", "3"],
      "conv2.bias": ["c2"],
      "conv3.weight": ["c3", "c2^-1", "3", "3"],
      "conv3.bias": ["c3"],
      "fc.weight": ["out", "c3^-1"],
      "fc.bias": ["out"],
    },
  });
}

describe("sizes of whole models, as published", () => {
  test("CNN zoo: MAGEP 998,121 and Monomial 254,619 trainable numbers", () => {
    expect(buildModel("magep", cnnZooSpec("positive")).parameterCount).toBe(998_121);
    expect(buildModel("monomial", cnnZooSpec("positive")).parameterCount).toBe(254_619);
  });
  test("SIRENs behind 256 Fourier features: 4,074,538 and 3,425,578", () => {
    const count = (outputs: number, width: number) =>
      buildModel("magep", mlpSpec([2, 32, 32, outputs], { scale: "sign" }), {
        channels: [256, width, width, width, width],
        head: [1000, 1000, 10],
      }).parameterCount;
    expect(count(1, 128)).toBe(4_074_538);
    expect(count(3, 64)).toBe(3_425_578);
  });
});

describe.each(["monomial", "magep"])("%s", (name) => {
  const options =
    name === "magep"
      ? { channels: [1, 3, 3], head: [8, 1] }
      : { channels: [1, 3, 3], head: [8, 1] };
  test.each([
    ["ReLU", mlpSpec([2, 5, 4, 3], { scale: "positive" })],
    ["tanh", mlpSpec([2, 5, 4, 3], { scale: "sign" })],
    ["one hidden layer", mlpSpec([3, 5, 2], { scale: "positive" })],
    ["ReLU CNN", cnnZooSpec("positive", 4)],
    ["tanh CNN", cnnZooSpec("sign", 4)],
  ])("%s: predictions stay under its group, and differ between networks", async (_, spec) => {
    const model = buildModel(name, spec, options);
    const compute = weightFunction(model, noisyParams(model, 2));
    expect(await invarianceError(spec, compute, { seed: 4, scales: true })).toBeLessThan(1e-4);
    const weights = randomWeights(spec, 4);
    const [value] = Array.from(await compute(weights));
    const [other] = Array.from(await compute(randomWeights(spec, 5)));
    expect(Math.abs(value - other)).toBeGreaterThan(1e-3);
    // Control: the first layer alone moves.
    const first = Object.keys(weights)[0];
    const element = sampleElement(spec, 5);
    const half = { ...weights, [first]: actOn(spec, element, weights)[first] };
    const [broken] = Array.from(await compute(half));
    expect(Math.abs(value - broken)).toBeGreaterThan(1e-4);
  });
  test.each<[string, SymmetrySpec, RegExp]>([
    ["residual", residualSpec(2), /axis "res" has 3 weights that lead to it \(.*\)/],
    ["GELU", mlpSpec([3, 4, 2]), /axis "h1" has no scale part/],
    [
      "without biases",
      mlpSpec([3, 4, 2], { scale: "positive", bias: false }),
      /axis "h1" has 0 biases/,
    ],
    [
      "attention",
      modelSpec("vit_block.onnx"),
      /axis ".*" (is general linear|has no scale part|lies within)/,
    ],
    ["LSTM", modelSpec("lstm.onnx"), /axis ".*" has no scale part/],
  ])("%s networks are refused by the axis that stops it", (_, spec, message) => {
    expect(() => buildModel(name, spec)).toThrow(message);
    expect(() => buildModel("unf-products", spec)).not.toThrow();
  });
});
