// Networks that are not generic: twins, coupled ties, dead and silent units, heads without full rank, other formats.

import { describe, expect, test } from "vitest";
import { canonicalForm } from "../../src/identity/canonical.ts";
import { compareCheckpoints } from "../../src/compare/compare-checkpoints.ts";
import { fingerprint } from "../../src/identity/fingerprint.ts";
import { findSymmetry } from "../../src/compare/find-symmetry.ts";
import type { Tensor, Weights } from "../../src/core/tensors.ts";
import { narrow } from "../../src/formats/narrow.ts";
import type { SafeDtype } from "../../src/formats/safetensors/safetensors-dtypes.ts";
import { makeTensorSource, weightsSource } from "../../src/formats/tensor-source.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import {
  farthest,
  genericWeights,
  modelSpec,
  weightReader as reader,
  withEntry,
  withNoise,
} from "../support/networks.ts";

const seed = 19;
const seeds = Array.from({ length: 8 }, (_, i) => seed + i);
const tensor = (shape: number[], numbers: readonly number[]): Tensor => ({
  shape,
  data: Float32Array.from(numbers),
});
const permutation = (size: number) => ({ size, group: "permutation" as const });
const fixed = (size: number) => ({ size, group: "fixed" as const });
const print = async (spec: SymmetrySpec, weights: Weights) =>
  (await fingerprint(spec, weightsSource(weights))).fingerprint;
const verdict = async (spec: SymmetrySpec, a: Weights, b: Weights) =>
  (await compareCheckpoints(weightsSource(a), weightsSource(b), { spec, align: false })).verdict;
const canonical = async (spec: SymmetrySpec, weights: Weights) =>
  actOn(spec, (await canonicalForm(spec, reader(weights))).element, weights);

/** Copies of a network are symmetric, with one fingerprint and one canonical form. */
async function expectOneOrbit(spec: SymmetrySpec, a: Weights, scales: boolean): Promise<void> {
  const form = await canonical(spec, a);
  const name = await print(spec, a);
  for (const each of seeds) {
    const b = actOn(spec, sampleElement(spec, each, { scales }), a);
    expect(["identical", "symmetric"]).toContain(await verdict(spec, a, b));
    expect(await print(spec, b)).toBe(name);
    expect(farthest(form, await canonical(spec, b))).toBeLessThan(scales ? 1e-3 : 1e-30);
  }
}

describe(`ties (seeds ${seeds[0]} to ${seeds.at(-1)})`, () => {
  const ring = defineSpec({
    axes: { h: permutation(6) },
    tensors: { w: { shape: [6, 6], axes: ["h", "h"] } },
  });
  const graph = (edges: readonly (readonly [number, number])[]) => {
    const data = new Float32Array(36);
    for (const [i, j] of edges) data[6 * i + j] = data[6 * j + i] = 1;
    return { w: { shape: [6, 6], data } };
  };
  const cycle = graph([0, 1, 2, 3, 4, 5].map((i) => [i, (i + 1) % 6]));

  test("a cycle is found in any order; two triangles, which refinement cannot tell from it, are different", async () => {
    for (const each of seeds) {
      const moved = actOn(ring, sampleElement(ring, each), cycle);
      expect(await findSymmetry(ring, reader(cycle), reader(moved))).toBeDefined();
    }
    const triangles = graph([
      [0, 1],
      [1, 2],
      [2, 0],
      [3, 4],
      [4, 5],
      [5, 3],
    ]);
    expect(await findSymmetry(ring, reader(cycle), reader(triangles))).toBeUndefined();
  });

  test("choices on two axes that depend on each other", async () => {
    const spec = defineSpec({
      axes: { g: permutation(4), h: permutation(4) },
      tensors: { w: { shape: [4, 4], axes: ["g", "h"] } },
    });
    const identity = { w: tensor([4, 4], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]) };
    for (const each of seeds) {
      const moved = actOn(spec, sampleElement(spec, each), identity);
      expect(await findSymmetry(spec, reader(identity), reader(moved))).toBeDefined();
    }
  });

  const layers = defineSpec({
    axes: { in: fixed(3), h: permutation(12), out: fixed(2) },
    tensors: {
      w: { shape: [12, 3], axes: ["h", "in"] },
      v: { shape: [2, 12], axes: ["out", "h"] },
    },
  });
  test("several pairs of twins and dead units do not disturb the order of the rest", async () => {
    const { w, v } = genericWeights(layers, seed);
    const copyUnit = (from: number, to: number) => {
      w.data.copyWithin(3 * to, 3 * from, 3 * from + 3);
      for (const row of [0, 1]) v.data[12 * row + to] = v.data[12 * row + from];
    };
    for (const [from, to] of [
      [0, 1],
      [2, 3],
      [4, 5],
    ])
      copyUnit(from, to);
    for (const unit of [7, 8, 9]) {
      w.data.fill(0, 3 * unit, 3 * unit + 3);
      for (const row of [0, 1]) v.data[12 * row + unit] = 0;
    }
    await expectOneOrbit(layers, { w, v }, false);
    const { ties, exact } = await canonicalForm(layers, reader({ w, v }));
    expect([ties.length, exact]).toEqual([4, true]);
  });

  test("dead positions in every head", async () => {
    const spec = defineSpec({
      axes: { in: fixed(3), head: permutation(4), d: { ...permutation(4), within: "head" } },
      tensors: { v: { shape: [16, 3], axes: ["head * d", "in"] } },
    });
    const { v } = genericWeights(spec, seed);
    for (let head = 0; head < 4; head++) v.data.fill(0, 12 * head + 3, 12 * head + 9);
    await expectOneOrbit(spec, { v }, false);
  });
});

describe("scales and bases", () => {
  const mlp = modelSpec("mlp.onnx");

  test("a unit that nothing enters is scaled by what leaves it", async () => {
    const weights = genericWeights(mlp, seed);
    weights["f.0.weight"].data.fill(0, 14, 21); // unit 2 of 11, from 7 inputs
    weights["f.0.bias"].data[2] = 0;
    await expectOneOrbit(mlp, weights, true);
  });

  test("one pruned head leaves the other heads' bases identifiable", async () => {
    const spec = defineSpec({
      axes: {
        e: fixed(6),
        head: permutation(3),
        d: { size: 2, group: "general-linear", within: "head" },
      },
      tensors: {
        v: { shape: [6, 6], axes: ["e", "head * d"] },
        o: { shape: [6, 6], axes: ["head * d^-1", "e"] },
      },
    });
    const weights = genericWeights(spec, seed);
    weights["o"].data.fill(0, 0, 12);
    for (const each of seeds) {
      const moved = actOn(spec, sampleElement(spec, each), weights);
      expect(await verdict(spec, weights, moved)).toBe("symmetric");
    }
  });

  test("what no scale touches must be equal, and so must everything when nothing was scaled", async () => {
    const a = genericWeights(mlp, seed);
    const scaled = actOn(mlp, sampleElement(mlp, seed), a);
    expect(await verdict(mlp, a, scaled)).toBe("symmetric");
    const nudged = (weights: Weights, name: string, by: number) =>
      withEntry(weights, name, 1, weights[name].data[1] + by);
    expect(await verdict(mlp, a, nudged(scaled, "f.4.bias", 1e-5))).toBe("different");
    expect(await verdict(mlp, a, nudged(a, "f.2.weight", 1e-6))).toBe("different");
    expect(await verdict(mlp, a, nudged(scaled, "f.2.weight", 1e-3))).toBe("different");
  });

  test("a rounded fingerprint sees the magnitude of every tensor", async () => {
    const a = genericWeights(mlp, seed);
    const louder = (name: string) => ({
      ...a,
      [name]: { ...a[name], data: a[name].data.map((x) => 1.5 * x) },
    });
    for (const name of Object.keys(a))
      expect(await print(mlp, louder(name))).not.toBe(await print(mlp, a));
  });

  test("the order in which a spec lists its axes has no say", async () => {
    const { axes, tensors } = mlp;
    const turned: SymmetrySpec = {
      ...mlp,
      tensors,
      axes: Object.fromEntries(Object.entries(axes).toReversed()),
    };
    const a = genericWeights(mlp, seed);
    expect(await print(turned, a)).toBe(await print(mlp, a));
    expect(farthest(await canonical(turned, a), await canonical(mlp, a))).toBe(0);
  });
});

describe("formats", () => {
  const lstm = modelSpec("lstm.onnx");
  const mlp = modelSpec("mlp.onnx");
  const stored = (weights: Weights, dtype: SafeDtype) =>
    makeTensorSource({
      file: { location: dtype },
      format: "memory",
      entries: new Map(
        Object.entries(weights).map(([name, { shape }]) => [name, { dtype, shape }]),
      ),
      load: async (name) => narrow(weights[name], dtype, name).data,
    });

  test.each([["F16"], ["BF16"]] as const)(
    "a cast to %s is identical after rounding, a light change is not",
    async (dtype) => {
      for (const spec of [lstm, mlp]) {
        const a = genericWeights(spec, seed);
        const compare = (b: Weights) =>
          compareCheckpoints(weightsSource(a), stored(b, dtype), { spec, align: false });
        expect(await compare(a)).toMatchObject({ verdict: "identical", rounded: true });
        const moved = actOn(spec, sampleElement(spec, seed), a);
        expect((await compare(moved)).verdict).toBe("symmetric");
        expect((await compare(withNoise(moved, 0.02, seed))).verdict).toBe("different");
      }
    },
  );

  test("counters of batch normalisation have no say; other tensors in one file only do", async () => {
    const a = genericWeights(mlp, seed);
    const extra = (name: string) => ({ ...a, [name]: tensor([], [7]) });
    expect(await verdict(mlp, extra("bn.num_batches_tracked"), a)).toBe("identical");
    expect(await print(mlp, extra("bn.num_batches_tracked"))).toBe(await print(mlp, a));
    expect(await verdict(mlp, extra("step"), a)).toBe("different");
  });

  test("empty tensors and scalars outside the spec are part of a fingerprint", async () => {
    const a = genericWeights(mlp, seed);
    const more = { ...a, empty: tensor([0, 3], []), temperature: tensor([], [2]) };
    const louder = { ...more, temperature: tensor([], [3]) };
    expect(await print(mlp, more)).toBe(await print(mlp, { ...more }));
    expect(await print(mlp, louder)).not.toBe(await print(mlp, more));
  });

  test("a tensor of another shape than the spec's is refused by name", async () => {
    const a = genericWeights(mlp, seed);
    const turned = { ...a, "f.0.weight": { ...a["f.0.weight"], shape: [7, 11] } };
    await expect(print(mlp, turned)).rejects.toThrow(
      /"f\.0\.weight" has shape \[7, 11\], expected \[11, 7\]/,
    );
  });
});
