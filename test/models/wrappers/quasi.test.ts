// Functionals that respect scales and bases up to a learned amount: what they are without it, how they deviate with it.

import { numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../../src/engine/start.ts";
import { chooseModels } from "../../../src/experiment/choose-models.ts";
import { buildModel, inputsOf } from "../../../src/models/registry.ts";
import type { Params } from "../../../src/models/model.ts";
import { sampleElement } from "../../../src/symmetry/element.ts";
import { mlpSpec } from "../../../src/symmetry/presets/mlp.ts";
import { invarianceError } from "../../../src/testing/equivariance.ts";
import { randomWeights, toBatch } from "../../../src/testing/index.ts";
import { compileGradients } from "../../../src/train/compiled.ts";
import { binaryCrossEntropy } from "../../../src/train/measures/objectives.ts";
import { noisyParams, refAll, weightFunction } from "../../support/maps.ts";

beforeAll(() => startEngine());

const spec = mlpSpec([2, 6, 6, 3], { scale: "positive" });
const options = { channels: [1, 4, 4], head: [8, 1] };
const name = "unf-products";

/** Parameters of the relaxed model with one eps for all tensors, and those of the model inside. */
function paramsWith(eps: number): { all: Params; inner: Params } {
  const inner = noisyParams(buildModel(name, spec, options), 3);
  const relaxed = buildModel(`quasi:${name}`, spec, options).init(3);
  const all = Object.fromEntries(
    Object.entries(relaxed).map(([path, array]) => {
      if (path.startsWith("model.")) return [path, inner[path.slice("model.".length)].ref];
      return [path, path === "quasi.eps" ? np.full(array.shape, eps) : array];
    }),
  );
  return { all, inner };
}

const compute = (eps: number) =>
  weightFunction(buildModel(`quasi:${name}`, spec, options), paramsWith(eps).all);

test("with eps 0 it is the model inside, bit for bit; with another eps it is not", async () => {
  const weights = randomWeights(spec, 1);
  const plain = weightFunction(buildModel(name, spec, options), paramsWith(0).inner);
  expect(await compute(0)(weights)).toEqual(await plain(weights));
  expect(await compute(0.1)(weights)).not.toEqual(await plain(weights));
});

test("it starts at eps 0, and its further parameters are those of a small network and one a tensor", () => {
  const [plain, relaxed] = [name, `quasi:${name}`].map((one) => buildModel(one, spec, options));
  const tensors = 6;
  const changed = 5; // all but the last bias
  const network = (7 * tensors + 1) * 8 + (8 + 1) * changed;
  expect(relaxed.parameterCount - plain.parameterCount).toBe(network + changed);
  expect([...(relaxed.init(1)["quasi.eps"].dataSync() as Float32Array)]).toEqual(
    Array.from({ length: changed }, () => 0),
  );
});

describe("invariance is broken by scales alone, in proportion to eps", () => {
  const element = sampleElement(spec, 5, { scales: true });
  test("twice the eps, twice the deviation", async () => {
    const error = (eps: number) => invarianceError(spec, compute(eps), { seed: 1, element });
    const [none, small, twice] = [await error(0), await error(4e-3), await error(8e-3)];
    expect(none).toBeLessThan(1e-5);
    expect(small).toBeGreaterThan(20 * none);
    expect(twice / small).toBeGreaterThan(1.7);
    expect(twice / small).toBeLessThan(2.3);
  });
  test("permutations change nothing at any eps", async () => {
    const reordered = { seed: 2, scales: false };
    expect(await invarianceError(spec, compute(0.5), reordered)).toBeLessThan(1e-5);
    expect(await invarianceError(spec, compute(0.5), { seed: 1, element })).toBeGreaterThan(1e-3);
  });
});

test("all parameters learn, through kernels as through the engine", async () => {
  const weights = toBatch(randomWeights(spec, 4));
  const gradientsOf = async (backend: string) => {
    const model = buildModel(`quasi:${name}`, spec, { ...options, backend });
    const both = compileGradients(model, binaryCrossEntropy);
    const { gradients } = await both.run(paramsWith(0.2).all, refAll(weights), np.ones([1, 1]));
    const lists = Object.entries(gradients).map(
      async ([path, x]) => [path, [...((await x.data()) as Float32Array)]] as const,
    );
    return Object.fromEntries(await Promise.all(lists));
  };
  const [kernels, engine] = [await gradientsOf("kernels"), await gradientsOf("engine")];
  const { eps } = { eps: engine["quasi.eps"] };
  const largest = Math.max(...eps.map(Math.abs));
  expect(largest).toBeGreaterThan(1e-4);
  for (const [i, value] of eps.entries())
    expect(Math.abs(kernels["quasi.eps"][i] - value)).toBeLessThan(1e-3 * largest);
  expect(Object.keys(kernels).toSorted()).toEqual(Object.keys(paramsWith(0).all).toSorted());
});

test("it is known by its name, and refused where nothing continuous acts", () => {
  expect(chooseModels([`quasi:${name}`]).map((entry) => entry.name)).toEqual([`quasi:${name}`]);
  expect(inputsOf(`quasi:${name}`)).toBe(inputsOf(name));
  expect(() => buildModel("quasi:gcn", spec)).toThrow(/there is no model "gcn"/);
  const signs = mlpSpec([2, 4, 1], { scale: "sign" });
  expect(() => buildModel(`quasi:${name}`, signs, options)).toThrow(
    /neither positive scales nor bases act/,
  );
});
