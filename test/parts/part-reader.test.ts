// How often parts of networks are read: small tensors once, however often they are asked for.

import { expect, test } from "vitest";
import type { Tensor } from "../../src/core/tensors.ts";
import { alignWeights } from "../../src/align/align.ts";
import { partReader, problemOf, type WeightReader } from "../../src/parts/problem.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { randomWeights } from "../../src/testing/random.ts";

/** A reader that counts the readings of every tensor. */
function counted(tensors: Readonly<Record<string, Tensor>>) {
  const readings: Record<string, number> = {};
  const read: WeightReader = (name) => {
    readings[name] = (readings[name] ?? 0) + 1;
    return Promise.resolve(tensors[name]);
  };
  return { read, readings };
}

test("tensors of 4 million numbers together are read once, what is more each time", async () => {
  const sizes = { small: 3, large: 2 ** 22, larger: 2 ** 22 + 1, more: 5 };
  const entries = Object.entries(sizes);
  const spec = defineSpec({
    axes: Object.fromEntries(
      entries.map(([name, size]) => [name, { size, group: "permutation" as const }]),
    ),
    tensors: Object.fromEntries(
      entries.map(([name, size]) => [name, { shape: [size], axes: [name] }]),
    ),
  });
  const { read, readings } = counted(
    Object.fromEntries(
      entries.map(([name, size]) => [name, { shape: [size], data: new Float32Array(size) }]),
    ),
  );
  const problem = problemOf(spec);
  const part = partReader(problem, read);
  for (let round = 0; round < 3; round++)
    for (const at of problem.parts.keys()) expect((await part(at)).data[2]).toBe(0);
  expect(readings).toEqual({ small: 1, large: 3, larger: 3, more: 1 });
});

test("aligning reads every tensor once, however many sweeps it takes", async () => {
  const spec = mlpSpec([4, ...Array<number>(40).fill(6), 3], { scale: "positive" });
  const [a, b] = [1, 2].map((seed) => counted(randomWeights(spec, seed)));
  const { sweeps } = await alignWeights(spec, a.read, b.read);
  expect(sweeps).toBeGreaterThan(1);
  for (const { readings } of [a, b])
    expect(readings).toEqual(
      Object.fromEntries(Object.keys(spec.tensors).map((name) => [name, 1])),
    );
});
