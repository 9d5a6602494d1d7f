// Published parameter counts, to the unit (UNF, Zhou, Finn and Harrison 2024, figure 3 and table 1 with its code).

import { describe, expect, test } from "vitest";
import { chooseModels, trainAsPublished } from "../../src/experiment/choose-models.ts";
import { pointwiseDeepSets } from "../../src/models/deep-sets.ts";
import { buildModel, modelEntry } from "../../src/models/registry.ts";
import { statisticsPerTensor } from "../../src/models/stat-nn.ts";
import { equivariantUNF, unf } from "../../src/models/unf.ts";
import { planSpec } from "../../src/plan/plan-spec.ts";
import { equivariantLinear } from "../../src/layers/equivariant-linear.ts";
import * as published from "../support/published-specs.ts";
import { startEngine } from "../../src/engine/start.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";

/** alpha, beta and gamma_0 of the update rule are learned beside the network. */
const updateScalars = 3;
/** 19 input features, three shared dense layers of 32, one equivariant layer with a bias per tensor. */
const hybrid = { channels: [19, 32, 32, 32, 1], pointwise: 3, bias: "tensor" } as const;
const counts = (spec: ReturnType<typeof mlpSpec>, bias: "tensor" | "none" = "tensor") =>
  equivariantUNF(spec, { ...hybrid, bias }).parameterCount + updateScalars;

describe("learned-optimizer networks", () => {
  test("MLP 3,783, CNN 7,369, RNN 8,043, Transformer 64,168", () => {
    expect(counts(published.publishedMLPSpec())).toBe(3783);
    expect(counts(published.publishedCNNSpec())).toBe(7369);
    expect(counts(published.publishedRNNSpec())).toBe(8043);
    expect(counts(published.publishedTransformerSpec())).toBe(64168);
  });
  test("with true names: CNN 5,513, Transformer 75,048, heads split 81,320", () => {
    expect(counts(published.publishedCNNSpec({ collision: false }))).toBe(5513);
    expect(counts(published.publishedTransformerSpec("merged"))).toBe(75048);
    expect(counts(published.publishedTransformerSpec("split"))).toBe(81320);
  });
  test("Deep Set 2,788 for every task, NFN 41,603 on the CNN", () => {
    for (const spec of [published.publishedMLPSpec(), published.publishedRNNSpec()]) {
      expect(pointwiseDeepSets(spec, hybrid.channels).parameterCount + updateScalars).toBe(2788);
    }
    expect(counts(published.publishedNFNCNNSpec(), "none")).toBe(41603);
    expect(counts(published.publishedMLPSpec())).toBe(3783); // NFN and UNF agree on the MLP
  });
});

describe("predictors of generalisation", () => {
  test("GRU predictor 741,729 parameters; with our defaults it is another one", () => {
    const spec = published.publishedGRUSpec();
    expect(buildModel("unf-published", spec).parameterCount).toBe(741729);
    expect(buildModel("unf", spec).parameterCount).not.toBe(741729); // control
  });
  test("its StatNN reads 154 statistics and has 814,801 parameters", () => {
    const spec = published.publishedGRUSpec();
    expect(Object.keys(spec.tensors).length * statisticsPerTensor).toBe(154);
    expect(buildModel("stat-nn-published", spec).parameterCount).toBe(814801);
    expect(buildModel("stat-nn", spec).parameterCount).not.toBe(814801); // control
  });
  test("no positions on fixed axes, one bias a tensor and channel, one mean a tensor", () => {
    // 64-32-10: 32 terms, 4 tensors; layers 1-16 and 16-16 as below, then a head 64-512-1.
    const expected = 576 + 8256 + (64 * 512 + 512) + (512 + 1);
    const spec = mlpSpec([64, 32, 10]);
    expect(buildModel("unf-published", spec).parameterCount).toBe(expected);
    const others = { channels: [1, 16, 16], head: [512, 1] };
    const positions = { ...others, bias: "tensor", pooling: "mean" };
    expect(buildModel("unf", spec, positions).parameterCount).toBeGreaterThan(expected);
    const bias = { ...others, positions: false, pooling: "mean" };
    const square = defineSpec({
      axes: { a: { size: 4, group: "permutation" } },
      tensors: { w: ["a", "a"] },
    });
    const own = buildModel("unf-published", square).parameterCount;
    expect(buildModel("unf", square, bias).parameterCount).toBeGreaterThan(own);
    const pooling = { ...others, positions: false, bias: "tensor" };
    expect(buildModel("unf", square, pooling).parameterCount).toBeGreaterThan(own);
  });
  test("coefficients start with variance 2 / (15 terms * 16 channels) on a square matrix", async () => {
    await startEngine();
    const spec = defineSpec({
      axes: { a: { size: 6, group: "permutation" } },
      tensors: { w: ["a", "a"] },
    });
    /** Variance of each product's coefficients of the second layer, as a multiple of the published one. */
    const variances = async (name: string) => {
      const params = Object.entries(buildModel(name, spec).init(3));
      const ratios = [];
      for (const [path, array] of params) {
        if (!/layer1\.mix/.test(path)) continue;
        const values = Array.from(await array.ref.data());
        const squares = values.reduce((sum, x) => sum + x * x, 0) / values.length;
        ratios.push(squares / (2 / (15 * 16)));
      }
      for (const [, array] of params) array.dispose();
      return ratios;
    };
    const own = await variances("unf-published");
    expect(own.length).toBeGreaterThan(1);
    for (const ratio of own) expect(Math.abs(ratio - 1)).toBeLessThan(0.2);
    const balanced = await variances("unf"); // control: our default
    expect(balanced.some((ratio) => Math.abs(ratio - 1) > 0.2)).toBe(true);
  });
  test("they are trained as published, and take no options", () => {
    for (const name of ["unf-published", "stat-nn-published"]) {
      const { training } = modelEntry(name);
      expect(training).toEqual({
        epochs: 100,
        batchSize: 10,
        rate: 1e-3,
        schedule: "constant",
        patience: 10,
      });
      expect(() => buildModel(name, mlpSpec([4, 3, 2]), { head: [8, 1] })).toThrow(
        /no option head, expected no options/,
      );
    }
    expect(modelEntry("unf").training).toBeUndefined();
    const models = chooseModels(["unf", "unf-published"]);
    const [ours, theirs] = trainAsPublished(models);
    expect(ours).toEqual(models[0]);
    expect(theirs.training).toEqual(modelEntry("unf-published").training);
  });
  test("a UNF layer on the 784-512-10 MLP: 576 parameters for 1 to 16 channels, 8,256 for 16 to 16", () => {
    const executable = planSpec(mlpSpec([784, 512, 10], { ends: "permutation" }));
    const layer = (inputChannels: number) =>
      equivariantLinear(executable, { inputChannels, outputChannels: 16, bias: "tensor" });
    expect(layer(1).parameterCount).toBe(576);
    expect(layer(16).parameterCount).toBe(8256);
  });
  test("counts are those of the arrays that init makes", async () => {
    await startEngine();
    const model = unf(mlpSpec([5, 4, 3]), { channels: [1, 3], head: [4, 2] });
    const arrays = Object.values(model.init(0));
    expect(arrays.reduce((sum, array) => sum + array.size, 0)).toBe(model.parameterCount);
    for (const array of arrays) array.dispose();
  });
});

describe("the validator", () => {
  test("points at both axes of the collision in the published CNN spec, and at nothing in the clean one", () => {
    const [warning, ...rest] = published.publishedCNNSpec().warnings;
    expect(rest).toEqual([]);
    expect(warning).toMatchObject({ tensor: "conv/w", axis: "n0", severity: "warning" });
    expect(warning.message).toContain("dimensions 0 and 2");
    expect(published.publishedCNNSpec({ collision: false }).warnings).toEqual([]);
    expect(published.publishedRNNSpec().warnings).toEqual([]);
  });
  test("refuses it under strict", () => {
    const tied = {
      axes: { a: { size: 3, group: "permutation" } },
      tensors: { w: ["a", "a"] },
    } as const;
    expect(() => defineSpec(tied, { strict: true })).toThrow(/ties dimensions 0 and 1/);
  });
});
