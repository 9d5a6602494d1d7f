import { describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { actOn } from "../../src/symmetry/act.ts";
import {
  composedAxes,
  composeElements,
  invertElement,
  sampleElement,
} from "../../src/symmetry/element.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";

const spec = defineSpec({
  axes: {
    in: { size: 3, group: "fixed" },
    h: { size: 4, group: "permutation", scale: "positive" },
    head: { size: 2, group: "permutation" },
    qk: { size: 3, group: "general-linear", within: "head" },
    v: { size: 2, group: "permutation", scale: "sign", within: "head" },
    w: { size: 2, group: "permutation", within: "v" },
  },
  tensors: {
    fc: ["h", "in"],
    q: ["head * qk", "h^-1"],
    k: ["head * qk^-1", "h^-1"],
    fused: ["head * qk + head * qk^-1 + head * v + 2", "h^-1"],
    out: ["h", "head * v^-1"],
    deep: ["h + in", "head * v * w"],
  },
});

function generic(spec: SymmetrySpec, seed: number): Weights {
  const random = randomStream(seed);
  return Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => [
      name,
      { shape, data: Float64Array.from({ length: sizeOf(shape) }, () => random.normal()) },
    ]),
  );
}

function distance(a: Weights, b: Weights): number {
  return Math.max(
    ...Object.keys(a).flatMap((name) =>
      Array.from(a[name].data, (x, i) => Math.abs(x - b[name].data[i])),
    ),
  );
}

describe("group elements", () => {
  const weights = generic(spec, 1);
  const g = sampleElement(spec, 2);
  const h = sampleElement(spec, 3);

  test("acting is a group action: (g h) W = g (h W)", () => {
    const together = actOn(spec, composeElements(spec, g, h), weights);
    expect(distance(together, actOn(spec, g, actOn(spec, h, weights)))).toBeLessThan(1e-12);
    expect(distance(together, actOn(spec, h, actOn(spec, g, weights)))).toBeGreaterThan(0.1);
  });

  test("composing one axis at a time changes what composing changes, within other axes too", () => {
    for (const axis of ["h", "head", "qk", "v", "w"]) {
      const one = sampleElement(spec, 5, { axes: [axis] });
      expect(composedAxes(spec, one, h)).toEqual({ [axis]: composeElements(spec, one, h)[axis] });
      expect(composedAxes(spec, one, h)[axis]).not.toEqual(h[axis]);
    }
  });

  test("the inverse undoes", () => {
    const moved = actOn(spec, g, weights);
    expect(distance(moved, weights)).toBeGreaterThan(0.1);
    expect(distance(actOn(spec, invertElement(spec, g), moved), weights)).toBeLessThan(1e-12);
  });

  test("a scaled axis and its inverse cancel in a product", () => {
    // fc then q: sum over h of q[., h] fc[h, .] must not see h move; replacing one side only must show.
    const product = (w: Weights) =>
      Float64Array.from({ length: 6 * 3 }, (_, at) => {
        let sum = 0;
        for (let i = 0; i < 4; i++)
          sum += w["q"].data[Math.floor(at / 3) * 4 + i] * w["fc"].data[i * 3 + (at % 3)];
        return sum;
      });
    const element = sampleElement(spec, 5, { axes: ["h"] });
    const moved = actOn(spec, element, weights);
    const before = product(weights);
    const gap = (a: Float64Array) => Math.max(...a.map((x, i) => Math.abs(x - before[i])));
    expect(gap(product(moved))).toBeLessThan(1e-12);
    expect(gap(product({ ...moved, q: weights["q"] }))).toBeGreaterThan(0.1);
  });
});
