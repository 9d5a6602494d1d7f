// Transformer-NFN from the general pass over a weakened spec: published terms, counts and integers, equivariance under each part
// of its group, and what it does not see, which is measured and not hidden.

import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { type GroupElement, sampleElement } from "../../src/symmetry/element.ts";
import { buildModel } from "../../src/models/registry.ts";
import { deriveProducts } from "../../src/plan/products/derive-products.ts";
import { planLowered } from "../../src/plan/plan-spec.ts";
import { readAll } from "../../src/plan/roles.ts";
import { transformerBlocks } from "../../src/plan/products/transformer-blocks.ts";
import { lowerSpec, type LoweredSpec } from "../../src/symmetry/lower.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import type { Axis, SymmetrySpec } from "../../src/symmetry/types.ts";
import { digitsTasks } from "../../src/tasks/digits.ts";
import { assertInvariant, invarianceError } from "../../src/testing/equivariance.ts";
import { randomWeights } from "../../src/testing/random.ts";
import {
  doubleWeights,
  gap,
  hostAtoms,
  moved,
  normalCoefficients,
  onesCoefficients,
  referenceLayer,
} from "../support/products/derived.ts";
import { noisyParams, weightFunction } from "../support/maps.ts";
import { modelSpec } from "../support/networks.ts";

beforeAll(() => startEngine());

interface Sizes {
  readonly width: number;
  readonly heads: number;
  readonly space: number;
  readonly hidden: number;
}

/** Published blocks: no biases in attention, rows of the stream fixed. Matrices multiply from the right, as there. */
function blocksSpec(count: number, { width, heads, space, hidden }: Sizes): SymmetrySpec {
  const axes: Record<string, Axis> = { s0: { size: width, group: "fixed" } };
  const tensors: Record<string, string[]> = {};
  for (let i = 0; i < count; i++) {
    axes[`s${i + 1}`] = { size: width, group: "fixed" };
    axes[`m${i}`] = { size: width, group: "permutation" };
    axes[`a${i}`] = { size: hidden, group: "permutation", scale: "positive" };
    axes[`head${i}`] = { size: heads, group: "permutation" };
    for (const each of ["q", "v"])
      axes[`${each}${i}`] = { size: space, group: "general-linear", within: `head${i}` };
    tensors[`${i}.q`] = [`s${i}`, `head${i} * q${i}`];
    tensors[`${i}.k`] = [`s${i}`, `head${i} * q${i}^-1`];
    tensors[`${i}.v`] = [`s${i}`, `head${i} * v${i}`];
    tensors[`${i}.o`] = [`head${i} * v${i}^-1`, `m${i}`];
    tensors[`${i}.a.weight`] = [`m${i}`, `a${i}`];
    tensors[`${i}.a.bias`] = [`a${i}`];
    tensors[`${i}.b.weight`] = [`a${i}^-1`, `s${i + 1}`];
    tensors[`${i}.b.bias`] = [`s${i + 1}`];
  }
  return defineSpec({ axes, tensors });
}

const block = (sizes: Sizes): LoweredSpec =>
  deriveProducts(lowerSpec(transformerBlocks(blocksSpec(1, sizes), "transformer-nfn").blocks[0]));

/** Coefficients of one channel each, and constants, of a plan. */
function widthsOf(lowered: LoweredSpec) {
  const { plan, schedule } = planLowered(lowered, "respect");
  const scalar = plan.products.findIndex(({ slots }) => slots.length === 0);
  return {
    terms: plan.terms,
    pairs: schedule.widths.reduce((sum, { input, output }) => sum + input * output, 0),
    constants: schedule.widths[scalar].output,
    targets: plan.products[scalar].targets.length,
  };
}

describe("counts, as published", () => {
  const zoo = { width: 32, heads: 2, space: 16, hidden: 64 };
  test("45 terms a block; 1,567,640 and 15,664,520 numbers for two blocks", () => {
    const { terms, pairs, constants, targets } = widthsOf(block(zoo));
    expect(terms + targets).toBe(45);
    expect([pairs, constants]).toEqual([78_316, 66]);
    const layer = (d: number, e: number) => 2 * (pairs * d * e + constants * e);
    expect(layer(1, 10)).toBe(1_567_640);
    expect(layer(10, 10)).toBe(15_664_520);
  });
  test("7 invariant terms; 224,460 numbers for two blocks with their layer norms", () => {
    const { terms, pairs, constants } = widthsOf(readAll(block(zoo)));
    expect([terms + constants, pairs, constants]).toEqual([7, 1122, 1]);
    expect(2 * (pairs * 100 + 10) + 2 * 2 * 10).toBe(224_460);
  });
  test("both blocks in one plan would mix them; control", () => {
    const spec = blocksSpec(2, zoo);
    const { blocks } = transformerBlocks(spec, "transformer-nfn");
    expect(blocks.map((each) => Object.keys(each.tensors))).toEqual(
      [0, 1].map((i) =>
        ["q", "k", "v", "o", "a.weight", "a.bias", "b.weight", "b.bias"].map(
          (name) => `${i}.${name}`,
        ),
      ),
    );
    const whole = {
      ...spec,
      axes: { ...spec.axes, a0: blocks[0].axes["a0"], a1: blocks[1].axes["a1"] },
    };
    expect(widthsOf(deriveProducts(lowerSpec(whole))).terms).toBe(130);
    expect(widthsOf(deriveProducts(lowerSpec(whole))).pairs).toBe(304_736);
  });
  test("the model has them: 1,567,640 + 224,460 and a head of 20-10-10-1", () => {
    const model = buildModel("transformer-nfn", blocksSpec(2, zoo));
    expect(model.parameterCount).toBe(1_567_640 + 224_460 + 20 * 10 + 10 + 110 + 11);
  });
});

describe("published integers, to the digit", () => {
  const sizes = { width: 2, heads: 2, space: 1, hidden: 2 };
  const weights = {
    "0.q": [1, 0, 2, 1],
    "0.k": [1, 2, 0, 1],
    "0.v": [1, 0, 1, 2],
    "0.o": [1, 2, 3, 0],
    "0.a.weight": [1, 2, 3, 4],
    "0.a.bias": [1, -1],
    "0.b.weight": [0, 1, 2, 1],
    "0.b.bias": [2, 3],
  };
  const run = (lowered: LoweredSpec) => {
    const named = Object.entries(lowered.spec.tensors).map(([name, { shape }]) => [
      name,
      { shape, data: Float64Array.from(weights[name as keyof typeof weights]) },
    ]);
    const executable = planLowered(lowered, "respect");
    const atoms = hostAtoms(lowered, Object.fromEntries(named));
    const outputs = referenceLayer(executable, atoms, onesCoefficients, () => 1, "sum");
    const plain = (id: number) =>
      lowered.tensors[id].dims.every(
        ({ axis }) =>
          lowered.axes[axis].group !== "general-linear" &&
          !lowered.axes[axis].name.startsWith("head"),
      );
    return (name: string) => {
      const tensor = lowered.tensors.find((each) => each.name === name);
      const id = tensor?.id ?? -1;
      return [...outputs[id].data].map((x) => x + (plain(id) ? 1 : 0));
    };
  };
  test("C: all eight tensors of a linear layer, and the invariant 38", () => {
    const out = run(block(sizes));
    // Atomic tensors have heads first and rows of the stream last.
    expect(out("0.q")).toEqual([3, 3, 1, 1]);
    expect(out("0.k")).toEqual([1, 1, 3, 3]);
    expect(out("0.v")).toEqual([2, 2, 2, 2]);
    expect(out("0.o")).toEqual([4, 5, 6, 3]);
    expect(out("0.a.weight")).toEqual([56, 59, 58, 61]);
    expect(out("0.b.weight")).toEqual([44, 44, 46, 46]);
    expect(out("0.a.bias")).toEqual([44, 46]);
    expect(out("0.b.bias")).toEqual([38, 38]);
    expect(run(readAll(block(sizes)))("~number")).toEqual([38]);
  });
});

test("equivariant in float64 under heads, both bases, outputs, hidden units, and all of them", () => {
  const lowered = block({ width: 3, heads: 2, space: 2, hidden: 4 });
  const { spec } = lowered;
  const weights = doubleWeights(spec, 3);
  const executable = planLowered(lowered, "respect");
  const run = (w: typeof weights) =>
    referenceLayer(
      executable,
      hostAtoms(lowered, w),
      normalCoefficients(1),
      (i) => Math.sin(i + 1),
      "sum",
    );
  const before = run(weights);
  const error = (element: GroupElement, other = element) => {
    const after = run(actOn(spec, element, weights));
    return Math.max(
      ...lowered.tensors.map((tensor, id) =>
        tensor.formula === undefined
          ? gap(after[id], moved(lowered, tensor, other, before[id]))
          : 0,
      ),
    );
  };
  for (const axes of [
    ["head0"],
    ["q0"],
    ["v0"],
    ["m0"],
    ["a0"],
    ["head0", "q0", "v0", "m0", "a0"],
  ]) {
    const element = sampleElement(spec, 5, { axes });
    expect(error(element), axes.join()).toBeLessThan(1e-12);
  }
  const [one, two] = [5, 6].map((seed) => sampleElement(spec, seed));
  expect(error(one, two)).toBeGreaterThan(0.1);
});

describe("on the population of Transformers without residuals", () => {
  test("it sees through bases and hidden orders; orders of the stream it does not, as published", async () => {
    const spec = await digitsTasks["digits-transformer-plain"].spec();
    const model = buildModel("transformer-nfn", spec, { channels: [1, 2], head: [4, 1] });
    const compute = weightFunction(model, noisyParams(model, 1));
    const inside = Object.keys(spec.axes).filter((axis) => /\.(q|v|o|up)/.test(axis));
    const element = sampleElement(spec, 2, { axes: inside.filter((axis) => !axis.endsWith("up")) });
    await assertInvariant(spec, compute, { seed: 1, element, tolerance: 1e-4 });
    const orders = sampleElement(spec, 2, { axes: ["block1.up", "block2.up"], scales: false });
    await assertInvariant(spec, compute, { seed: 1, element: orders, tolerance: 1e-4 });
    const stream = sampleElement(spec, 2, { axes: ["block1.down"] });
    expect(await invarianceError(spec, compute, { seed: 1, element: stream })).toBeGreaterThan(
      1e-4,
    );
    const [a, b] = [await compute(randomWeights(spec, 1)), await compute(randomWeights(spec, 2))];
    expect(Math.abs(a[0] - b[0])).toBeGreaterThan(1e-3);
  });
  test("residual Transformers and other networks are refused by the axis that stops it", async () => {
    const residual = await digitsTasks["digits-transformer"].spec();
    expect(() => buildModel("transformer-nfn", residual)).toThrow(
      /axis "embed" is both read and written by attention \(a residual stream\)/,
    );
    expect(() => buildModel("transformer-nfn", mlpSpec([3, 4, 2], { scale: "positive" }))).toThrow(
      /no axis is general linear within heads/,
    );
    expect(() => buildModel("transformer-nfn", modelSpec("vit_block.onnx"))).toThrow(/axis ".*"/);
  });
});
