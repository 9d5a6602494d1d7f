// The action of the group, against its definition.

import { describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import type { Tensor } from "../../src/core/tensors.ts";
import { actOn, actOnTensor } from "../../src/symmetry/act.ts";
import { type GroupElement, movingAxes, sampleElement } from "../../src/symmetry/element.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { randomSpec } from "../../src/testing/random.ts";
import { actByDefinition } from "../support/act-by-definition.ts";

function generic(spec: SymmetrySpec, seed: number): Record<string, Tensor> {
  const random = randomStream(seed);
  return Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => [
      name,
      { shape, data: Float64Array.from({ length: sizeOf(shape) }, () => random.normal()) },
    ]),
  );
}

/** The largest difference of the product's action and the definition's, over all tensors. */
function error(
  spec: SymmetrySpec,
  element: GroupElement,
  weights: Record<string, Tensor>,
  other = element,
) {
  const moved = actOn(spec, element, weights);
  return Math.max(
    0,
    ...Object.keys(weights).flatMap((name) => {
      const expected = actByDefinition(spec, other, name, weights[name]).data;
      return Array.from(moved[name].data, (x, i) => Math.abs(x - expected[i]));
    }),
  );
}

describe("the action is the one of the definition", () => {
  test("on 80 random specs, where another element gives other numbers", () => {
    let controls = 0;
    let moving = 0;
    for (let seed = 0; seed < 80; seed++) {
      const spec = randomSpec(seed, { scales: true, maxEntries: 150, maxRank: 4 });
      const weights = generic(spec, seed);
      const element = sampleElement(spec, seed + 1);
      expect(error(spec, element, weights), `seed ${seed}`).toBeLessThan(1e-12);
      if (error(spec, {}, weights, element) === 0) continue;
      moving++;
      if (error(spec, sampleElement(spec, seed + 900), weights, element) > 1e-3) controls++;
    }
    expect(moving).toBeGreaterThan(40);
    expect(controls).toBeGreaterThan(moving * 0.7);
  });

  const nested = defineSpec({
    axes: {
      head: { size: 2, group: "permutation" },
      half: { size: 3, group: "fixed", within: "head" },
      qk: { size: 2, group: "general-linear", within: "head" },
      v: { size: 3, group: "permutation", scale: "sign", within: "half" },
      h: { size: 3, group: "permutation", scale: "positive" },
    },
    tensors: {
      q: ["head * qk", "h^-1"],
      fused: ["head * qk + head * qk^-1 + head * half * v + 2", "h^-1"],
      behind: ["v", "half", "head"],
      square: ["head * qk", "head * qk^-1"],
      plain: ["h", "half * 2 * head"],
      scalar: [],
    },
  });

  test("on matrices, signs and factors within fixed and moving axes, in both precisions", () => {
    const weights = generic(nested, 1);
    for (let seed = 0; seed < 20; seed++) {
      const element = sampleElement(nested, seed);
      expect(error(nested, element, weights)).toBeLessThan(1e-11);
      expect(error(nested, sampleElement(nested, seed + 50), weights, element)).toBeGreaterThan(
        0.1,
      );
      for (const name of Object.keys(weights)) {
        const { shape, data } = weights[name];
        const single = { shape, data: Float32Array.from(data) };
        const moved = actOnTensor(nested, element, name, single).data;
        expect(moved).toBeInstanceOf(Float32Array);
        const expected = actByDefinition(nested, element, name, single).data;
        moved.forEach((x, i) => expect(Math.abs(x - expected[i])).toBeLessThan(2e-5));
      }
    }
  });

  test("single precision is rounded once for all scales of an entry", () => {
    const spec = defineSpec({
      axes: {
        a: { size: 4, group: "permutation", scale: "positive" },
        b: { size: 5, group: "permutation", scale: "positive" },
      },
      tensors: { w: ["a", "b^-1"] },
    });
    const [w] = Object.values(generic(spec, 3));
    const data = Float32Array.from(w.data);
    const element = sampleElement(spec, 4);
    const moved = actOnTensor(spec, element, "w", { shape: w.shape, data }).data;
    const [a, b] = [element["a"], element["b"]];
    let twice = 0;
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 5; j++) {
        const [s, t] = [a.scales?.[0][i] ?? 1, 1 / (b.scales?.[0][j] ?? 1)];
        const to = a.permutations[0][i] * 5 + b.permutations[0][j];
        const x = data[i * 5 + j];
        expect(moved[to]).toBe(Math.fround(s * t * x));
        if (Math.fround(t * Math.fround(s * x)) !== moved[to]) twice++;
      }
    }
    expect(twice).toBeGreaterThan(0); // rounding after every axis gives other numbers
  });

  test("a flipped zero has no sign, and what does not move keeps its own", () => {
    const spec = defineSpec({
      axes: { a: { size: 2, group: "permutation", scale: "sign" } },
      tensors: { w: ["a"] },
    });
    const flip = { a: { permutations: [[0, 1]], scales: [[-1, 1]] } };
    const moved = actOnTensor(spec, flip, "w", { shape: [2], data: Float32Array.of(0, -0) }).data;
    expect([...moved]).toEqual([0, -0]);
  });

  test("axes that the element does not name stay, and so does everything outside the spec", () => {
    const weights = { ...generic(nested, 5), other: { shape: [1], data: Float32Array.of(3) } };
    const element = sampleElement(nested, 6, { axes: ["h"] });
    const moved = actOn(nested, element, weights);
    expect(moved["other"]).toBe(weights.other);
    expect(moved["behind"].data).toEqual(weights["behind" as keyof typeof weights].data);
    expect(moved["q"].data).not.toEqual(weights["q" as keyof typeof weights].data);
    expect(movingAxes(nested)).toEqual(["head", "qk", "v", "h"]);
  });

  test("entries that come in turn go where their axis sends them", () => {
    const spec = defineSpec({
      axes: {
        a: { size: 2, group: "permutation" },
        b: { size: 2, group: "permutation", scale: "positive" },
        c: { size: 4, group: "permutation" },
      },
      tensors: { w: ["(a & b^-1) & c"] },
    });
    const element = {
      a: { permutations: [[1, 0]] },
      b: { permutations: [[0, 1]], scales: [[2, 4]] },
      c: { permutations: [[1, 2, 3, 0]] },
    };
    // a0 c0 b0 c1 a1 c2 b1 c3
    const data = Float32Array.of(10, 1, 20, 2, 11, 3, 24, 4);
    const moved = actOnTensor(spec, element, "w", { shape: [8], data }).data;
    expect([...moved]).toEqual([11, 4, 10, 1, 10, 2, 6, 3]);
  });
});
