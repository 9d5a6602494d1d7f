// Named tensors to atomic ones and back: nothing is lost, and the engine's split is the strided view the spec describes.

import { numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { pack, unpack } from "../../src/layers/pack.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { splitParts } from "../../src/symmetry/parts.ts";
import { randomSpec, randomWeights } from "../../src/testing/random.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";

beforeAll(() => startEngine());

test("taking apart and putting together is the identity, on 100 random specs and several channels", async () => {
  for (let seed = 0; seed < 100; seed++) {
    const spec = randomSpec(seed, { maxTerms: 200 });
    const lowered = lowerSpec(spec, { fixedAxes: seed % 2 === 0 ? "fold" : "permute" });
    const channels = 1 + (seed % 3);
    const weights = randomWeights(spec, seed);
    const arrays = Object.entries(weights).map(([name, { shape, data }]) => {
      const stacked = Float32Array.from(
        { length: 2 * data.length * channels },
        (_, i) => data[i % data.length] + i,
      );
      return [name, stacked, np.array(stacked).reshape([2, ...shape, channels])] as const;
    });
    const atoms = unpack(
      lowered,
      Object.fromEntries(arrays.map(([name, , array]) => [name, array])),
      channels,
    );
    expect(atoms).toHaveLength(lowered.tensors.length);
    const back = pack(lowered, atoms, channels);
    for (const [name, values] of arrays)
      expect([seed, name, await back[name].data()]).toEqual([seed, name, values]);
  }
});

test("parts are the strided views that the spec's expressions say", () => {
  const spec = defineSpec({
    axes: {
      a: { size: 2, group: "permutation" },
      b: { size: 3, group: "permutation" },
    },
    tensors: { t: ["a * (b + 1) + b", "b"] },
  });
  const { parts } = splitParts(spec, "t");
  const view = parts.map(({ offset, dims }) => [
    offset,
    ...dims.map(({ axis, size, stride }) => `${axis ?? ""}${size}:${stride}`),
  ]);
  expect(view).toEqual([
    [0, "a2:12", "b3:3", "b3:1"],
    [9, "a2:12", "1:3", "b3:1"],
    [24, "b3:3", "b3:1"],
  ]);
});

test("what comes in turn is taken apart turn by turn, and put together again", async () => {
  const spec = defineSpec({
    axes: {
      a: { size: 2, group: "permutation" },
      b: { size: 4, group: "permutation" },
    },
    tensors: { t: ["2", "(a & a) & b"] },
  });
  const { parts } = splitParts(spec, "t");
  const view = parts.map(({ offset, dims }) => [
    offset,
    ...dims.map(({ axis, size, stride }) => `${axis ?? ""}${size}:${stride}`),
  ]);
  expect(view).toEqual([
    [0, "2:8", "a2:4"],
    [2, "2:8", "a2:4"],
    [1, "2:8", "b4:2"],
  ]);
  const lowered = lowerSpec(spec);
  const numbers = Float32Array.from({ length: 16 }, (_, i) => i);
  const atoms = unpack(lowered, { t: np.array(numbers).reshape([1, 2, 8]) }, 1);
  expect(await Promise.all(atoms.map(async (x) => [...(await x.ref.data())]))).toEqual([
    [0, 8, 4, 12],
    [2, 10, 6, 14],
    [1, 9, 3, 11, 5, 13, 7, 15],
  ]);
  const back = pack(lowered, atoms, 1);
  expect(await back["t"].data()).toEqual(numbers);
});

test("missing tensors and wrong shapes are named", () => {
  const lowered = lowerSpec(mlpSpec([2, 3]));
  expect(() => unpack(lowered, {}, 1)).toThrow('tensor "fc1.weight" of the spec is missing');
  const wrong = { "fc1.weight": np.zeros([1, 2, 3]), "fc1.bias": np.zeros([1, 3]) };
  expect(() => unpack(lowered, wrong, 1)).toThrow(
    'tensor "fc1.weight" has shape [1, 2, 3], expected [batch, 3, 2]',
  );
});
