// Products of weights as data: how many, of which tensors, and that each moves under the group as its dimensions say.

import { describe, expect, test } from "vitest";
import { sampleElement } from "../../src/symmetry/element.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { referenceDerived } from "../support/products/reference-derived.ts";
import {
  deriveProducts,
  type DeriveProductsOptions,
} from "../../src/plan/products/derive-products.ts";
import { planLowered } from "../../src/plan/plan-spec.ts";
import { printDerived } from "../../src/plan/print.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import {
  doubleWeights,
  gap,
  hostAtoms,
  moved,
  normalCoefficients,
  referenceLayer,
} from "../support/products/derived.ts";
import { randomChargedSpec } from "../support/random/random-charged-spec.ts";
import { signsOfPhases } from "../../src/symmetry/phases.ts";
import { modelFiles, modelSpec } from "../support/networks.ts";
import { residualSpec } from "../support/specs.ts";

const featuresOf = (spec: SymmetrySpec, options?: DeriveProductsOptions) =>
  deriveProducts(lowerSpec(spec), options).tensors.filter(
    ({ formula, role }) => formula !== undefined && role === "feature",
  );

/** A spec with its tensors the other way round. */
const reversed = ({ axes, tensors }: SymmetrySpec): SymmetrySpec => ({
  axes,
  tensors: Object.fromEntries(Object.entries(tensors).toReversed()),
  warnings: [],
});

describe("the number of products grows linearly", () => {
  test.each([2, 3, 4, 8, 16, 32])("6 L - 10 for an MLP of %i layers", (layers) => {
    const sizes = Array.from({ length: layers + 1 }, () => 3);
    for (const scale of ["positive", "sign"] as const)
      expect(featuresOf(mlpSpec(sizes, { scale }))).toHaveLength(6 * layers - 10);
  });
  test.each([1, 2, 4, 8, 16, 32])(
    "12 K + 2 for %i residual blocks, 18 K + 2 in two rounds",
    (k) => {
      expect(featuresOf(residualSpec(k))).toHaveLength(12 * k + 2);
      expect(featuresOf(residualSpec(k), { rounds: 2 })).toHaveLength(18 * k + 2);
    },
  );
  test("none without scale parts; control: with them there are", () => {
    expect(featuresOf(mlpSpec([3, 4, 4, 2]))).toHaveLength(0);
    expect(featuresOf(mlpSpec([3, 4, 4, 2], { scale: "sign" }))).not.toHaveLength(0);
  });
  test("on inferred specs: resnet 32, attention with biases and norms 16, rotary attention with a gate 8, LSTM 0", () => {
    const count = (file: string) => featuresOf(modelSpec(file)).length;
    expect(count("resnet.onnx")).toBe(32);
    expect(count("vit_block.onnx")).toBe(16);
    expect(count("llama_block.onnx")).toBe(8);
    expect(count("lstm.onnx")).toBe(0);
  });
});

describe("the set does not depend on the order of tensors", () => {
  const dims = (spec: SymmetrySpec) => {
    const lowered = deriveProducts(lowerSpec(spec));
    return lowered.tensors
      .flatMap(({ name, dims: list, fixedSize, formula }) => {
        if (formula === undefined) return [];
        const of = formula.operands.map((id) => lowered.tensors[id].name).join(" ");
        const axes = list.map(
          ({ axis, inverse }) => lowered.axes[axis].name + (inverse ? "-" : ""),
        );
        return [`${name} ${formula.op} ${of} [${axes.join()}] ${fixedSize}`];
      })
      .toSorted();
  };
  test.each(modelFiles)("%s", (file) => {
    const spec = signsOfPhases(modelSpec(file));
    const once = dims(spec);
    expect(dims(reversed(spec))).toEqual(once);
    expect(new Set(once).size).toBe(once.length);
  });
});

test("beyond maxDerived products are left out, outer ones first, and named", () => {
  const spec = mlpSpec([3, 4, 5, 6, 2], { scale: "positive" });
  const all = featuresOf(spec);
  const { tensors, leftOut } = deriveProducts(lowerSpec(spec), { maxDerived: all.length - 3 });
  expect(tensors.filter(({ role }) => role === "feature")).toHaveLength(all.length - 3);
  expect(leftOut.map(({ name }) => name)).toEqual([
    "fc3.weight~scaled",
    "fc2.weight~outer",
    "fc3.weight~outer",
  ]);
  expect(printDerived(deriveProducts(lowerSpec(spec), { maxDerived: 11 }))).toMatch(
    /left out: fc2.weight~outer \(more than maxDerived 11\)/,
  );
});

/** Largest error of any derived tensor when an element acts before or after; and of the wrong element. */
function errors(spec: SymmetrySpec, seed: number, options?: DeriveProductsOptions) {
  const lowered = deriveProducts(lowerSpec(spec), options);
  const [element, other] = [1, 2].map((i) => sampleElement(spec, 100 * seed + i));
  const weights = doubleWeights(spec, seed);
  const run = (w: typeof weights) =>
    referenceDerived(lowered, hostAtoms(lowered, w), 1, normalCoefficients(seed));
  const [before, after] = [run(weights), run(actOn(spec, element, weights))];
  const error = (g: typeof element) =>
    Math.max(
      0,
      ...lowered.tensors.map((tensor, id) => gap(after[id], moved(lowered, tensor, g, before[id]))),
    );
  return { right: error(element), wrong: error(other) };
}

describe("every derived tensor moves as its dimensions say, in float64", () => {
  const specs: [string, SymmetrySpec, DeriveProductsOptions?][] = [
    ["ReLU", mlpSpec([2, 5, 6, 4, 3], { scale: "positive" })],
    ["tanh", mlpSpec([2, 5, 6, 4, 3], { scale: "sign" })],
    ["one hidden layer", mlpSpec([9, 5, 9], { scale: "sign" })],
    ["residual", residualSpec(3)],
    ["residual, 2 rounds", residualSpec(3), { rounds: 2 }],
    ...modelFiles.map((file): [string, SymmetrySpec] => [file, signsOfPhases(modelSpec(file))]),
  ];
  test.each(specs)("%s", (_, spec, options) => {
    const { right, wrong } = errors(spec, 3, options);
    expect(right).toBeLessThan(1e-12);
    expect(wrong).toBeGreaterThan(1e-3);
  });
});

describe("on random specs with scales, signs, bases, groups, concatenations, cycles, two outputs, in float64", () => {
  const seeds = Array.from({ length: 100 }, (_, seed) => seed);
  const traits = new Set<string>();
  test("every derived tensor of 100 specs moves as its dimensions say, in one round and in two", () => {
    let controls = 0;
    for (const seed of seeds) {
      const { spec, traits: own } = randomChargedSpec(seed);
      for (const trait of own) traits.add(trait);
      const { right, wrong } = errors(spec, seed, { rounds: 1 + (seed % 2), rank: 1 + (seed % 5) });
      expect(right, `seed ${seed}`).toBeLessThan(1e-12);
      if (wrong > 1e-3) controls++;
    }
    expect(controls).toBeGreaterThan(95);
    for (const trait of ["positive", "sign", "general-linear", "within", "concatenation", "cycle"])
      expect(traits).toContain(trait);
  });
  test("a layer over them commutes with the whole group to 1e-12", () => {
    let controls = 0;
    for (const seed of seeds.slice(0, 25)) {
      const { spec } = randomChargedSpec(seed);
      const lowered = deriveProducts(lowerSpec(spec), { rank: 2 });
      const executable = planLowered(lowered, "respect");
      const element = sampleElement(spec, seed + 1);
      const weights = doubleWeights(spec, seed);
      const run = (w: typeof weights) =>
        referenceLayer(
          executable,
          hostAtoms(lowered, w),
          normalCoefficients(seed),
          Math.cos,
          "mean",
        );
      const [before, after] = [run(weights), run(actOn(spec, element, weights))];
      const error = (g: typeof element) =>
        Math.max(
          ...lowered.tensors.map((tensor, id) =>
            tensor.formula === undefined
              ? gap(after[id], moved(lowered, tensor, g, before[id]))
              : 0,
          ),
        );
      expect(error(element), `seed ${seed}`).toBeLessThan(1e-12);
      if (error(sampleElement(spec, seed + 2)) > 1e-3) controls++;
    }
    expect(controls).toBeGreaterThan(23);
  });
});

test("chains equal the sum over all ways, each by itself, through a residual network", () => {
  const spec = residualSpec(3);
  const weights = doubleWeights(spec, 4);
  const lowered = deriveProducts(lowerSpec(spec));
  const values = referenceDerived(lowered, hostAtoms(lowered, weights), 1, (_, shape) =>
    new Float64Array(shape.reduce((n, size) => n * size, 1)).fill(1),
  );
  const value = (name: string) =>
    values[lowered.tensors.find((tensor) => tensor.name === name)?.id ?? -1].data;
  const times = (name: string, x: ArrayLike<number>, columns: number) => {
    const { shape, data } = weights[name];
    const [rows, inner] = shape;
    return Array.from({ length: rows * columns }, (_, at) => {
      const [i, j] = [Math.floor(at / columns), at % columns];
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += data[i * inner + k] * x[k * columns + j];
      return sum / Math.sqrt(inner);
    });
  };
  const stem = weights["stem.weight"].data;
  const ways = [0, 1, 2].map((k) =>
    times(`blocks.${k}.b.weight`, times(`blocks.${k}.a.weight`, stem, 3), 3),
  );
  for (const [k, way] of ways.entries()) {
    const chain = value(`blocks.${k}.b.weight~forward`);
    for (const [i, x] of way.entries()) expect(chain[i]).toBeCloseTo(x, 12);
  }
  const all = Array.from(stem, (x, i) => x + ways[0][i] + ways[1][i] + ways[2][i]);
  const state = value("res~forward~sum");
  expect(state).toHaveLength(all.length);
  for (const [i, x] of all.entries()) expect(state[i]).toBeCloseTo(x, 12);
  expect(Math.abs(state[0] - stem[0])).toBeGreaterThan(1e-3);
});
