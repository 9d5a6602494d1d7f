// Copies of sine and cosine networks with moved phases: found to be the same, with the same fingerprint and canonical form, aligned
// and merged with their windings; half a winding is no symmetry.

import { describe, expect, test } from "vitest";
import { alignWeights } from "../../src/align/align.ts";
import { alignMany, mergeWeights } from "../../src/align/merging/merge-weights.ts";
import { findSymmetry } from "../../src/compare/find-symmetry.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { canonicalForm } from "../../src/identity/canonical.ts";
import { fingerprint } from "../../src/identity/fingerprint.ts";
import { weightsSource } from "../../src/formats/tensor-source.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { invertElement, sampleElement } from "../../src/symmetry/element.ts";
import { sirenSpec } from "../../src/symmetry/presets/mlp.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import {
  farthest,
  genericWeights,
  permutationsOf,
  weightReader as reader,
  withEntry,
  withNoise,
} from "../support/networks.ts";

const omega = 30;
const step = Math.PI / omega;
const sine = sirenSpec([2, 11, 13, 3], { omega });
const cosine: SymmetrySpec = {
  ...sine,
  axes: Object.fromEntries(
    Object.entries(sine.axes).map(([name, axis]) => [
      name,
      axis.scale === "phase" ? { ...axis, wave: "cosine" as const } : axis,
    ]),
  ),
};
const seed = 5;

/** Biases at 0, at the ends of the interval of one winding and in its middle beside others. */
function withSpecialBiases(spec: SymmetrySpec): Weights {
  let weights = genericWeights(spec, seed);
  for (const [i, share] of [0, 0.5, -0.5, 0.25, 1].entries())
    weights = withEntry(weights, "fc1.bias", i, share * step);
  return weights;
}

describe.each([
  ["sine", sine],
  ["cosine", cosine],
] as const)("copies of a %s network", (_name, spec) => {
  const networks = [genericWeights(spec, seed), withSpecialBiases(spec)];
  const print = async (weights: Weights) =>
    (await fingerprint(spec, weightsSource(weights))).fingerprint;

  test("are found to be symmetric, whatever windings, with the same fingerprint", async () => {
    for (const [n, a] of networks.entries()) {
      const first = await print(a);
      for (let draw = 0; draw < 6; draw++) {
        const element = sampleElement(spec, 10 * n + draw, { windings: draw < 3 ? 3 : 40 });
        const b = actOn(spec, element, a);
        const found = await findSymmetry(spec, reader(a), reader(b));
        expect(found).toMatchObject({ exact: false, unidentifiable: [] });
        expect(permutationsOf(spec, found!.element)).toEqual(
          permutationsOf(spec, invertElement(spec, element)),
        );
        expect(farthest(a, actOn(spec, found!.element, b))).toBeLessThan(3e-6);
        if (draw < 3) expect(await print(b)).toBe(first); // 40 windings leave fewer digits of a bias
      }
    }
  });

  test("are different where a bias is half a winding off", async () => {
    const [a] = networks;
    const b = actOn(spec, sampleElement(spec, 1), a);
    for (const share of [0.5, 0.01]) {
      const other = withEntry(b, "fc1.bias", 2, b["fc1.bias"].data[2] + share * step);
      expect(await findSymmetry(spec, reader(a), reader(other))).toBeUndefined();
      expect(await print(other)).not.toBe(await print(a));
    }
    // One winding more without its flips is another function; with them it is the same.
    const wound = withEntry(b, "fc1.bias", 2, b["fc1.bias"].data[2] + step);
    expect(await findSymmetry(spec, reader(a), reader(wound))).toBeUndefined();
    const twice = withEntry(b, "fc1.bias", 2, b["fc1.bias"].data[2] + 2 * step);
    expect(await findSymmetry(spec, reader(a), reader(twice))).toBeDefined();
  });

  test("have one canonical form, whose biases lie within half a winding of 0", async () => {
    for (const a of networks) {
      const form = async (weights: Weights) =>
        actOn(spec, (await canonicalForm(spec, reader(weights))).element, weights);
      const first = await form(a);
      for (const name of ["fc1.bias", "fc2.bias"])
        for (const x of first[name].data) expect(Math.abs(x)).toBeLessThan(0.5001 * step);
      for (const draw of [1, 2, 3])
        expect(farthest(first, await form(actOn(spec, sampleElement(spec, draw), a)))).toBeLessThan(
          1e-6,
        );
      expect(farthest(first, await form(withEntry(a, "fc2.bias", 0, 0.02)))).toBeGreaterThan(1e-3);
    }
  });

  test("are aligned and merged with their windings, under noise too", async () => {
    const [a] = networks;
    const moved = [1, 2].map((draw) =>
      actOn(spec, sampleElement(spec, draw, { windings: 20 }), withNoise(a, 0.01, draw)),
    );
    for (const b of moved) {
      const { element } = await alignWeights(spec, reader(a), reader(b));
      expect(farthest(a, actOn(spec, element, b))).toBeLessThan(0.06);
      const unwound = Object.fromEntries(
        Object.entries(element).map(([axis, { permutations, scales }]) => [
          axis,
          { permutations, ...(scales && { scales }) },
        ]),
      );
      expect(farthest(a, actOn(spec, unwound, b))).toBeGreaterThan(1); // the control
    }
    const all = [a, ...moved].map(reader);
    const { elements } = await alignMany(spec, all);
    const merged = mergeWeights(
      spec,
      all.map((read, i) => ({ read, share: 1 / 3, element: elements[i] })),
    );
    for (const name of Object.keys(a))
      expect(farthest({ [name]: a[name] }, { [name]: await merged(name) })).toBeLessThan(0.06);
  });
});
