import { expect, test } from "vitest";
import { normsOf } from "../../page/src/compare/pair-norms.ts";
import { compareNetworks } from "../../src/checkpoints/compare-networks.ts";
import { differencePanels } from "../../src/checkpoints/difference-panels.ts";
import { openNetwork } from "../../src/checkpoints/network.ts";
import { randomStream } from "../../src/core/random.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";

/** Thirty tensors, more than have a picture. */
const sizes = [3, ...Array.from({ length: 14 }, () => 6), 2];
const pictures = 5;

function weightsOf(spec: SymmetrySpec, seed: number): Weights {
  const random = randomStream(seed);
  return Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => {
      const size = shape.reduce((product, n) => product * n, 1);
      return [name, { shape, data: Float32Array.from({ length: size }, () => random.normal()) }];
    }),
  );
}

async function normsAfter(spec: SymmetrySpec | undefined, a: Weights, b: Weights) {
  const open = (name: string, weights: Weights) =>
    openNetwork(new File([new Uint8Array(writeSafetensors(weights))], `${name}.safetensors`));
  const compared = await compareNetworks(await open("a", a), await open("b", b), {
    ...(spec && { requested: { spec } }),
  });
  const panels = await differencePanels(compared, { top: pictures });
  const all = await differencePanels(compared, { top: 1000 });
  const norms = await normsOf(compared, panels, () => undefined);
  return { verdict: compared.comparison.verdict, norms, all };
}

test.each([
  ["reordered", mlpSpec(sizes), 0, "symmetric"],
  ["reordered and scaled", mlpSpec(sizes, { scale: "positive" }), 0, "symmetric"],
  ["reordered and changed", mlpSpec(sizes), 0.05, "different"],
] as const)(
  "%s: tensors without a picture have the norm after alignment that their picture would have",
  async (_, spec, noise, wanted) => {
    const a = weightsOf(spec, 1);
    const moved = actOn(spec, sampleElement(spec, 2), a);
    const random = randomStream(3);
    const b = Object.fromEntries(
      Object.entries(moved).map(([name, { shape, data }]) => [
        name,
        { shape, data: data.map((value) => value + noise * random.normal()) },
      ]),
    );
    const { verdict, norms, all } = await normsAfter(spec, a, b);
    expect(verdict).toBe(wanted);
    expect(norms.length).toBeGreaterThan(24);
    const after = new Map(all.map(({ tensor, relativeAfter }) => [tensor, relativeAfter]));
    for (const { tensor, relative, relativeAfter } of norms) {
      expect(relativeAfter).toBeCloseTo(after.get(tensor)!, 9);
      expect(relativeAfter).toBeLessThan(noise === 0 ? 1e-5 : 0.3);
      expect(relative).toBeGreaterThanOrEqual(relativeAfter!); // equal where nothing moves
    }
  },
);

test("without symmetries there is no norm after alignment", async () => {
  const spec = mlpSpec(sizes);
  const { norms } = await normsAfter(undefined, weightsOf(spec, 1), weightsOf(spec, 2));
  expect(norms).toHaveLength(30);
  expect(norms.every(({ relativeAfter }) => relativeAfter === undefined)).toBe(true);
});
