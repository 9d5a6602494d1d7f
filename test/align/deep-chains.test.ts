// Chains so deep that unit norms, layer upon layer, leave the range of numbers: they are compared, ordered and told apart all
// the same, or refused with the reason.

import { describe, expect, test } from "vitest";
import { UnsupportedError } from "../../src/core/errors.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { findSymmetry } from "../../src/compare/find-symmetry.ts";
import { canonicalForm } from "../../src/identity/canonical.ts";
import { fingerprint } from "../../src/identity/fingerprint.ts";
import { openTensorSource } from "../../src/formats/open.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { randomWeights } from "../../src/testing/random.ts";

const depth = 200;
const spec = mlpSpec([4, ...Array<number>(depth).fill(5), 3], { scale: "positive" });

/** Every number times what the layer says. */
const chain = (seed: number, size: (layer: number) => number): Weights =>
  Object.fromEntries(
    Object.entries(randomWeights(spec, seed)).map(([name, { shape, data }]) => {
      const layer = Number(/\d+/.exec(name)?.[0] ?? 0);
      return [name, { shape, data: data.map((x) => x * size(layer)) }];
    }),
  );
const reader = (weights: Weights) => (name: string) => Promise.resolve(weights[name]);

describe.each([
  ["grow", () => 100],
  ["shrink", () => 0.001],
])("layers that %s", (_, size) => {
  const a = chain(1, size);
  const moved = actOn(spec, sampleElement(spec, 7), a);

  test("a moved copy is found, an unrelated network is not", async () => {
    const found = await findSymmetry(spec, reader(a), reader(moved));
    expect(found?.residual).toBeLessThan(1e-5);
    expect(await findSymmetry(spec, reader(a), reader(chain(2, size)))).toBeUndefined();
  });

  test("the canonical form is one of finite numbers, the same for both", async () => {
    const forms = [];
    for (const weights of [a, moved]) {
      const { element } = await canonicalForm(spec, reader(weights));
      forms.push(actOn(spec, element, weights));
    }
    for (const [name, { data }] of Object.entries(forms[0]))
      for (const [i, x] of data.entries()) {
        expect(Number.isFinite(x)).toBe(true);
        expect(Math.abs(x - forms[1][name].data[i])).toBeLessThan(
          1e-4 * Math.max(...data.map(Math.abs)),
        );
      }
  });

  test("fingerprints agree over the orbit and not beyond", async () => {
    const print = async (weights: Weights) => {
      const source = await openTensorSource(writeSafetensors(weights));
      return (await fingerprint(spec, source)).fingerprint;
    };
    expect(await print(moved)).toBe(await print(a));
    expect(await print(chain(2, size))).not.toBe(await print(a));
  });
});

test("half of a chain grows and half shrinks, beyond all numbers: refused with the reason", async () => {
  const grown = chain(1, (layer) => (layer < depth / 2 ? 1e6 : 1e-6));
  // Without biases nothing says how large the middle is.
  const a = Object.fromEntries(
    Object.entries(grown).map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((x) => (shape.length === 1 ? 0 : x)) },
    ]),
  );
  await expect(canonicalForm(spec, reader(a))).rejects.toThrow(UnsupportedError);
  await expect(canonicalForm(spec, reader(a))).rejects.toThrow(/leave the range/);
});
