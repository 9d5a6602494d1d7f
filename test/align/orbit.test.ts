// Laws of orbits: fingerprints and canonical forms do not see the group, comparison names it, and a changed weight shows.

import { describe, expect, test } from "vitest";
import { canonicalForm } from "../../src/identity/canonical.ts";
import { compareCheckpoints } from "../../src/compare/compare-checkpoints.ts";
import { fingerprint } from "../../src/identity/fingerprint.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { weightsSource } from "../../src/formats/tensor-source.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import {
  farthest,
  genericWeights,
  modelFiles,
  modelSpec,
  weightReader,
  withEntry,
} from "../support/networks.ts";

const seed = 11;

const print = (spec: SymmetrySpec, weights: Weights) => fingerprint(spec, weightsSource(weights));
const compare = (spec: SymmetrySpec, a: Weights, b: Weights) =>
  compareCheckpoints(weightsSource(a), weightsSource(b), { spec });

async function canonical(spec: SymmetrySpec, weights: Weights): Promise<Weights> {
  const { element } = await canonicalForm(spec, weightReader(weights));
  return actOn(spec, element, weights);
}

describe(`members of one orbit (seed ${seed})`, () => {
  for (const file of modelFiles) {
    test(`${file}: one fingerprint, one canonical form, verdict symmetric; a changed weight shows`, async () => {
      const spec = modelSpec(file);
      const a = genericWeights(spec, seed);
      const reordered = actOn(spec, sampleElement(spec, seed, { scales: false }), a);
      const moved = actOn(spec, sampleElement(spec, seed), a);
      const [first, second, third] = [
        await print(spec, a),
        await print(spec, reordered),
        await print(spec, moved),
      ];
      expect(second).toEqual(first);
      expect(third.fingerprint).toBe(first.fingerprint);

      const form = await canonical(spec, a);
      expect(farthest(form, await canonical(spec, reordered))).toBe(0);
      expect(farthest(form, await canonical(spec, moved))).toBeLessThan(2e-3);
      expect((await compare(spec, a, form)).verdict).toBe("symmetric");

      expect(await compare(spec, a, reordered)).toMatchObject({
        verdict: "symmetric",
        symmetry: { exact: true, residual: 0 },
      });
      expect((await compare(spec, a, moved)).verdict).toBe("symmetric");

      const name = Object.keys(spec.tensors)[1];
      const changed = withEntry(moved, name, 0, moved[name].data[0] + 0.1);
      const other = await print(spec, changed);
      expect(other.fingerprint).not.toBe(first.fingerprint);
      expect(other.exact).not.toBe(first.exact);
      expect((await compare(spec, a, changed)).verdict).toBe("different");
    });
  }
});

test("a fingerprint does not see the order of tensors, a wider format or the sign of zero", async () => {
  const spec = modelSpec("siren.onnx");
  const a = withEntry(genericWeights(spec, seed), "a.bias", 2, 0);
  const wide = Object.fromEntries(
    Object.entries(a)
      .toReversed()
      .map(([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }]),
  );
  expect(await print(spec, wide)).toEqual(await print(spec, a));
  expect(await print(spec, withEntry(a, "a.bias", 2, -0))).toEqual(await print(spec, a));
  const smallest = withEntry(a, "a.bias", 2, 1e-45);
  expect((await print(spec, smallest)).exact).not.toBe((await print(spec, a)).exact);
});

test("twins are reported as ties and do not disturb the canonical form", async () => {
  const spec = defineSpec({
    axes: {
      in: { size: 3, group: "fixed" },
      h: { size: 5, group: "permutation" },
      out: { size: 2, group: "fixed" },
    },
    tensors: {
      w1: { shape: [5, 3], axes: ["h", "in"] },
      w2: { shape: [2, 5], axes: ["out", "h"] },
    },
  });
  const generic = genericWeights(spec, seed);
  expect((await canonicalForm(spec, weightReader(generic))).ties).toEqual([]);
  const w1 = { shape: [5, 3], data: generic.w1.data.slice().fill(0, 3, 9) }; // units 1 and 2 dead
  const w2 = {
    shape: [2, 5],
    data: generic.w2.data.map((x, i) => (i % 5 === 1 || i % 5 === 2 ? 0 : x)),
  };
  const a = { w1, w2 };
  const { ties } = await canonicalForm(spec, weightReader(a));
  expect(ties).toEqual([{ axis: "h", indices: [1, 2] }]);
  const moved = actOn(spec, sampleElement(spec, seed), a);
  expect(farthest(await canonical(spec, a), await canonical(spec, moved))).toBe(0);
  expect((await compare(spec, a, moved)).verdict).toBe("symmetric");
});
