// Sine layers of files without a graph: --omega tells their phases.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { inferSpecFromNames } from "../../../src/infer/names/infer-names.ts";
import { mlpSpec } from "../../../src/symmetry/presets/mlp.ts";
import { randomWeights } from "../../../src/testing/random.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";

const omega = 30;
const units = 6;

/** A small network of sines, under the names of a sequence of layers. */
function siren() {
  const weights = randomWeights(mlpSpec([2, units, 5, 1]), 1);
  const named = Object.entries(weights).map(
    ([name, tensor]) => [name.replace("fc", "net."), tensor] as const,
  );
  return Object.fromEntries(named);
}

/** Unit 0 of the first layer wound once, which flips its outgoing weights; unit 3 twice, which does not. */
function wound(weights: ReturnType<typeof siren>) {
  const bias = weights["net.1.bias"];
  const next = weights["net.2.weight"];
  const shifts = [1, 0, 0, 2, 0, 0];
  return {
    ...weights,
    "net.1.bias": {
      ...bias,
      data: Float32Array.from(bias.data, (b, i) => b + (shifts[i] * Math.PI) / omega),
    },
    "net.2.weight": {
      ...next,
      data: Float32Array.from(next.data, (v, at) => (at % units === 0 ? -v : v)),
    },
  };
}

test("--omega beside --activation sine: a copy with moved phases is symmetric by names alone", () =>
  inTemporaryFolder(async (folder) => {
    const network = siren();
    await writeFile(join(folder, "a.safetensors"), writeSafetensors(network));
    await writeFile(join(folder, "b.safetensors"), writeSafetensors(wound(network)));
    const pair = ["a.safetensors", "b.safetensors", "--family", "mlp", "--activation", "sine"];
    const told = await weightspace(["compare", ...pair, "--omega", "30"], folder);
    expect([told.code, told.stdout]).toEqual([10, expect.stringMatching(/2 phases shifted/)]);
    // Controls: another frequency, and signs alone.
    expect((await weightspace(["compare", ...pair, "--omega", "29"], folder)).code).toBe(12);
    const signs = await weightspace(["compare", ...pair], folder);
    expect([signs.code, signs.stdout]).toEqual([
      12,
      expect.stringMatching(/phases are not looked at.*or --omega with --activation sine/),
    ]);
    const alone = await weightspace(["compare", ...pair.slice(0, 4), "--omega", "30"], folder);
    expect([alone.code, alone.stderr]).toEqual([
      expect.any(Number),
      expect.stringMatching(/omega 30 is the frequency of sine layers, expected activation "sine"/),
    ]);
    expect(alone.code).not.toBe(10);
  }));

test("the spec has a phase on every hidden axis and a shift on every hidden bias", () => {
  const shapes = Object.entries(siren()).map(([name, { shape }]) => ({ name, shape }));
  const facts = { family: "mlp", activation: "sine" } as const;
  const { spec } = inferSpecFromNames(shapes, { ...facts, omega });
  const phased = Object.values(spec.axes).filter(({ scale }) => scale === "phase");
  expect(phased.map((axis) => [axis.size, axis.omega])).toEqual([
    [units, omega],
    [5, omega],
  ]);
  expect(spec.tensors["net.1.bias"].shift).toBeDefined();
  expect(spec.tensors["net.3.bias"].shift).toBeUndefined();
  const plain = inferSpecFromNames(shapes, facts).spec;
  expect(Object.values(plain.axes).filter(({ scale }) => scale === "phase")).toEqual([]);
});
