// Functionals over products of weights: predictions do not change under scales, signs, bases and permutations, and differ
// between networks; equivariant forms move as they should; what must break them does.

import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { randomStream } from "../../src/core/random.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { type GroupElement, sampleElement } from "../../src/symmetry/element.ts";
import { unf } from "../../src/models/unf.ts";
import { equivariantProducts, unfProducts } from "../../src/models/unf-products.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import {
  assertEquivariant,
  equivarianceError,
  invarianceError,
} from "../../src/testing/equivariance.ts";
import { withPhases } from "../../src/symmetry/phases.ts";
import { randomWeights } from "../../src/testing/random.ts";
import { noisyParams, weightFunction, weightMap } from "../support/maps.ts";
import { modelSpec } from "../support/networks.ts";
import { randomChargedSpec } from "../support/random/random-charged-spec.ts";
import { residualSpec } from "../support/specs.ts";

beforeAll(() => startEngine());

const small = { channels: [1, 2, 2], head: [16, 2] };

describe("invariant and not constant, in float32", () => {
  const seen = new Map<string, number>();
  test.each([0, 20, 40, 60, 80])("random specs from seed %i", async (first) => {
    for (let seed = first; seed < first + 20; seed++) {
      const { spec, traits } = randomChargedSpec(seed);
      for (const trait of traits) seen.set(trait, (seen.get(trait) ?? 0) + 1);
      const model = unfProducts(spec, small);
      const compute = weightFunction(model, noisyParams(model, seed));
      const error = await invarianceError(spec, compute, { seed, scales: true });
      expect(error, `seed ${seed}`).toBeLessThan(1e-4);
      const [a, b] = [
        await compute(randomWeights(spec, seed)),
        await compute(randomWeights(spec, seed + 1)),
      ];
      const change = Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i])));
      expect(change, `seed ${seed}`).toBeGreaterThan(1e-3);
    }
  });
  test.each([0, 20, 40])("random specs with phases from seed %i", async (first) => {
    for (let seed = first; seed < first + 20; seed++) {
      const { spec } = randomChargedSpec(seed);
      const hasBias = ({ axes }: SymmetrySpec["tensors"][string]) =>
        axes.length === 1 && axes[0].kind === "axis" && spec.axes[axes[0].name].scale === "sign";
      if (!Object.values(spec.tensors).some(hasBias)) continue;
      const phased = withPhases(spec, { omega: 3 });
      seen.set("phase", (seen.get("phase") ?? 0) + 1);
      const model = unfProducts(phased, small);
      const compute = weightFunction(model, noisyParams(model, seed));
      const error = await invarianceError(phased, compute, { seed, scales: true });
      expect(error, `seed ${seed}`).toBeLessThan(1e-4);
      const signs = unfProducts(spec, small); // the control: signs alone are not enough
      const blind = weightFunction(signs, noisyParams(signs, seed));
      seen.set(
        "phase seen",
        (seen.get("phase seen") ?? 0) +
          Number((await invarianceError(phased, blind, { seed, scales: true })) > 1e-3),
      );
    }
  });
  test("the specs cover scales, bases, groups, concatenations, cycles, loops, two outputs", () => {
    for (const trait of [
      "positive",
      "sign",
      "phase",
      "phase seen",
      "general-linear",
      "within",
      "concatenation",
      "cycle",
      "loop",
      "two outputs",
    ])
      expect(seen.get(trait) ?? 0, trait).toBeGreaterThan(8);
  });
});

/** An element whose positive factors lie between 0.3 and 3. */
function wideElement(spec: SymmetrySpec, seed: number): GroupElement {
  const random = randomStream(seed);
  return Object.fromEntries(
    Object.entries(sampleElement(spec, seed)).map(([name, action]) => {
      const { scales } = action;
      if (scales === undefined || spec.axes[name].scale !== "positive") return [name, action];
      const factors = scales.map((list) => list.map(() => 0.3 * 10 ** random.uniform()));
      return [name, { ...action, scales: factors }];
    }),
  );
}

test.each<[string, SymmetrySpec]>([
  ["an MLP", mlpSpec([3, 8, 8, 8, 2], { scale: "positive" })],
  ["a residual network", residualSpec(3)],
  ["a ResNet", modelSpec("resnet.onnx")],
])("%s: factors from 0.3 to 3 change predictions by less than 1e-4", async (_, spec) => {
  const model = unfProducts(spec, { channels: [1, 4, 4], head: [16, 2] });
  const compute = weightFunction(model, noisyParams(model, 2));
  const element = wideElement(spec, 7);
  expect(await invarianceError(spec, compute, { seed: 1, element })).toBeLessThan(1e-4);
  // Control: a functional that ignores scales.
  const blind = unf(spec, { channels: [1, 4, 4], head: [16, 2] });
  const seen = weightFunction(blind, noisyParams(blind, 2));
  expect(await invarianceError(spec, seen, { seed: 1, element })).toBeGreaterThan(1e-3);
});

describe("equivariant layers", () => {
  test.each(Array.from({ length: 20 }, (_, i) => 200 + i))("random spec %i", async (seed) => {
    const { spec } = randomChargedSpec(seed);
    const model = equivariantProducts(spec, { channels: [1, 2, 2] });
    const map = weightMap(model, noisyParams(model, seed));
    await assertEquivariant(spec, map, { seed, scales: true, tolerance: 1e-4 });
  });
  const networks: [string, SymmetrySpec][] = [
    ["ReLU", mlpSpec([3, 5, 4, 2], { scale: "positive" })],
    ["tanh", mlpSpec([3, 5, 4, 2], { scale: "sign" })],
    ["residual", residualSpec(2)],
    ...["resnet", "vit_block", "torch_mha", "grouped_conv", "dense_concat", "llama_block"].map(
      (name): [string, SymmetrySpec] => [name, modelSpec(`${name}.onnx`)],
    ),
  ];
  test.each(networks)("%s; a wrong element shows", async (_, spec) => {
    const model = equivariantProducts(spec, { channels: [1, 2, 2] });
    const map = weightMap(model, noisyParams(model, 1));
    await assertEquivariant(spec, map, { seed: 3, scales: true, tolerance: 1e-4 });
    const broken = weightMap(
      equivariantProducts(spec, { channels: [1, 2, 2] }),
      noisyParams(model, 1),
    );
    const loosened = {
      ...spec,
      axes: Object.fromEntries(
        Object.entries(spec.axes).map(([name, axis]) => [
          name,
          axis.group === "fixed" ? { ...axis, group: "permutation" as const } : axis,
        ]),
      ),
    };
    if (Object.values(spec.axes).some(({ group, size }) => group === "fixed" && size > 1))
      expect(await equivarianceError(loosened, broken, { seed: 3, scales: true })).toBeGreaterThan(
        1e-3,
      );
  });
});

test("low-rank adapters are read by their product: any basis of the rank, another does not do", async () => {
  const spec = defineSpec({
    axes: {
      in: { size: 6, group: "permutation" },
      out: { size: 5, group: "permutation" },
      rank: { size: 3, group: "general-linear" },
    },
    tensors: { "lora_A.weight": ["rank^-1", "in"], "lora_B.weight": ["out", "rank"] },
  });
  expect(() => unf(spec, { scales: "respect", activation: "identity", positions: false })).toThrow(
    /no linear map of these weights is invariant/,
  );
  const model = unfProducts(spec, small);
  const compute = weightFunction(model, noisyParams(model, 1));
  expect(await invarianceError(spec, compute, { seed: 2, scales: true })).toBeLessThan(1e-4);
  const weights = randomWeights(spec, 2);
  const moved = actOn(spec, sampleElement(spec, 3), weights);
  const half = { ...weights, "lora_A.weight": moved["lora_A.weight"] };
  const [a, b] = [await compute(weights), await compute(half)];
  expect(Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i])))).toBeGreaterThan(1e-3);
});
