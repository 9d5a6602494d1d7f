// Layers commute with their spec's group; invariant models do not see it. Each with a control that must fail.

import { beforeAll, describe, expect, test } from "vitest";
import { enumerateTerms } from "../../src/basis/terms.ts";
import { randomStream } from "../../src/core/random.ts";
import { startEngine } from "../../src/engine/start.ts";
import { actOn, actOnTensor } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { equivariantUNF, unf } from "../../src/models/unf.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { transformerSpec } from "../../src/symmetry/presets/transformer.ts";
import {
  assertEquivariant,
  assertInvariant,
  equivarianceError,
  invarianceError,
} from "../../src/testing/equivariance.ts";
import { randomSpec, randomWeights } from "../../src/testing/random.ts";
import { noisyParams, weightFunction, weightMap } from "../support/maps.ts";
import { shorthand } from "../support/specs.ts";
import { applyTerm } from "../support/terms.ts";

beforeAll(() => startEngine());

const cases = 300;

describe(`one layer commutes with hidden permutations, ${cases} random specs`, () => {
  let controls = 0;
  let moving = 0;
  test.each(Array.from({ length: cases / 50 }, (_, block) => block * 50))(
    "seeds from %i",
    async (first) => {
      for (let seed = first; seed < first + 50; seed++) {
        const spec = randomSpec(seed);
        const model = equivariantUNF(spec, { channels: [1, 2] });
        const map = weightMap(model, noisyParams(model, seed));
        const error = await equivarianceError(spec, map, { seed });
        expect(error, `seed ${seed}`).toBeLessThan(1e-5);
        // Control: a layer whose outputs are also scaled by their position commutes with nothing that moves.
        const ramp: typeof map = async (weights) =>
          Object.fromEntries(
            Object.entries(await map(weights)).map(([name, { shape, data }]) => [
              name,
              { shape, data: data.map((value, i) => value * (1 + i / data.length)) },
            ]),
          );
        const weights = randomWeights(spec, seed);
        const moved = actOn(spec, sampleElement(spec, seed + 1, { scales: false }), weights);
        if (
          Object.keys(weights).every((name) =>
            moved[name].data.every((x, i) => x === weights[name].data[i]),
          )
        )
          continue;
        moving++;
        if ((await equivarianceError(spec, ramp, { seed })) > 1e-3) controls++;
      }
    },
  );
  test("controls were seen to fail", () => {
    expect(moving).toBeGreaterThan(100);
    expect(controls).toBe(moving);
  });
});

describe("terms commute exactly in float64", () => {
  const specs = [
    [[0, 1]],
    [[0, 0]],
    [[0, 1, 0]],
    [[1, 0, 0]],
    [[0], [0, 0, 0]],
    [[0], [0, 0, 0, 1, 2]],
    [
      [0, 1],
      [0, 0, 0, 1],
    ],
  ];
  test.each(specs.map((dims) => [dims]))(
    "%j, where the published code crashes or breaks for three repeated axes",
    (dims) => {
      const spec = shorthand(dims, 3);
      const lowered = lowerSpec(spec);
      const random = randomStream(7);
      const element = sampleElement(spec, 11);
      const differs = (g: typeof element) => JSON.stringify(g) !== JSON.stringify(element);
      const other =
        [12, 13, 14, 15].map((seed) => sampleElement(spec, seed)).find(differs) ?? element;
      let control = 0;
      for (const output of lowered.tensors) {
        for (const input of lowered.tensors) {
          const { shape } = spec.tensors[input.name];
          const x = {
            shape,
            data: Float64Array.from({ length: 3 ** shape.length }, () => random.normal()),
          };
          for (const term of enumerateTerms(lowered, output.id, input.id)) {
            const act = (g: typeof element, name: string, values: ArrayLike<number>) =>
              actOnTensor(spec, g, name, {
                shape: spec.tensors[name].shape,
                data: Float64Array.from(values),
              }).data;
            const there = applyTerm(lowered, term, act(element, input.name, x.data));
            const back = act(element, output.name, applyTerm(lowered, term, x.data));
            for (const [i, value] of there.entries())
              expect(Math.abs(value - back[i])).toBeLessThanOrEqual(1e-12);
            const wrong = act(other, output.name, applyTerm(lowered, term, x.data));
            control = Math.max(control, ...there.map((value, i) => Math.abs(value - wrong[i])));
          }
        }
      }
      expect(control).toBeGreaterThan(0.1);
    },
  );
});

describe("scale parts", () => {
  test.each([
    ["positive", "relu"],
    ["sign", "tanh"],
  ] as const)(
    "layers that respect %s scales commute with them, others do not",
    async (scale, activation) => {
      const spec = mlpSpec([3, 5, 4, 2], { scale });
      const build = (scales: "respect" | "ignore") => {
        const model = equivariantUNF(spec, { channels: [1, 3, 2], scales, activation });
        return weightMap(model, noisyParams(model, 1));
      };
      await assertEquivariant(spec, build("respect"), { scales: true, tolerance: 1e-5 });
      expect(await equivarianceError(spec, build("ignore"), { scales: true })).toBeGreaterThan(
        1e-3,
      );
      await assertEquivariant(spec, build("ignore"), { scales: false });
    },
  );
  test.each([
    ["fold", 0],
    ["fold", 1],
    ["permute", 0],
  ] as const)(
    "fixed axes %s, %i pointwise layers: scales commute with biases and tables set",
    async (fixedAxes, pointwise) => {
      const spec = mlpSpec([4, 5, 3], { scale: "positive" });
      const model = equivariantUNF(spec, {
        channels: [1, 4, 2],
        scales: "respect",
        fixedAxes,
        pointwise,
      });
      await assertEquivariant(spec, weightMap(model, noisyParams(model, 1)), { scales: true });
    },
  );
  test("an activation that breaks them is refused with those that do not", () => {
    const spec = mlpSpec([3, 5, 2], { scale: "sign" });
    expect(() => equivariantUNF(spec, { scales: "respect", activation: "relu" })).toThrow(/tanh/);
  });
  test.each(Array.from({ length: 30 }, (_, i) => 1000 + i))("random spec %i", async (seed) => {
    const spec = randomSpec(seed, { scales: true, maxRank: 3 });
    const model = equivariantUNF(spec, {
      channels: [1, 2],
      scales: "respect",
      activation: "identity",
      positions: false,
    });
    await assertEquivariant(spec, weightMap(model, noisyParams(model, seed)), {
      seed,
      scales: true,
      tolerance: 3e-5,
    });
  });
});

describe("invariant models", () => {
  const spec = transformerSpec({ layers: 2, width: 8, heads: 2, vocabulary: 6, positions: 3 });
  test.each([
    ["complete pooling", unf(spec, { channels: [1, 4, 4], head: [8, 2] })],
    ["mean pooling", unf(spec, { channels: [1, 4, 4], head: [8, 2], pooling: "mean" })],
    ["shared coefficients", unf(spec, { channels: [1, 4, 4], head: [8, 2], share: {} })],
    [
      "permuted ends with positions",
      unf(spec, { channels: [1, 4, 4], head: [8, 2], fixedAxes: "permute" }),
    ],
    [
      "tensor bias, sums",
      unf(spec, { channels: [1, 4], head: [2], bias: "tensor", aggregation: "sum" }),
    ],
  ])(
    "%s: predictions do not change under the true group, and do under a larger one",
    async (_, model) => {
      const compute = weightFunction(model, noisyParams(model, 3));
      await assertInvariant(spec, compute, { seed: 5, tolerance: 1e-4 });
      // Control: permuting query columns but not key columns is no symmetry.
      const weights = randomWeights(spec, 5);
      const moved = actOn(spec, sampleElement(spec, 9, { axes: ["qk0"] }), weights);
      const half = {
        ...weights,
        "layers.0.q.weight": moved["layers.0.q.weight"],
        "layers.0.q.bias": moved["layers.0.q.bias"],
      };
      const [a, b] = [await compute(weights), await compute(half)];
      expect(Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i])))).toBeGreaterThan(1e-5);
    },
  );
  test("fixed ends are told apart: swapping two inputs changes the prediction", async () => {
    const small = mlpSpec([4, 5, 3]);
    for (const fixedAxes of ["fold", "permute"] as const) {
      const model = unf(small, { channels: [1, 4, 4], head: [4, 1], fixedAxes });
      const permuted = mlpSpec([4, 5, 3], { ends: "permutation" });
      const element = sampleElement(permuted, 3, { axes: ["in"] });
      const compute = weightFunction(model, noisyParams(model, 1));
      expect(await invarianceError(small, compute)).toBeLessThan(1e-5);
      expect(await invarianceError(permuted, compute, { element })).toBeGreaterThan(1e-4);
    }
  });
});

describe("coefficient sharing", () => {
  test("the parameter count stops growing with depth", () => {
    const count = (layers: number, share?: object) =>
      equivariantUNF(
        transformerSpec({ layers, width: 4, vocabulary: 3, positions: 2, ends: "permutation" }),
        {
          channels: [1, 2],
          bias: "none",
          ...(share && { share }),
        },
      ).parameterCount;
    expect(count(12, {})).toBe(count(8, {}));
    expect(count(12)).toBeGreaterThan(2 * count(8));
    expect(count(8, {})).toBeLessThan(count(8) / 5);
  });
  test("without a distance limit it grows linearly", async () => {
    const spec = mlpSpec([2, 3, 3, 3, 2], { ends: "permutation" });
    const model = equivariantUNF(spec, {
      channels: [1, 1],
      share: { maxDistance: Number.POSITIVE_INFINITY },
      bias: "none",
    });
    const map = weightMap(model, noisyParams(model, 0));
    await assertEquivariant(spec, map);
  });
});

test("a layer commutes with axes whose entries come in turn, and not where they are end to end", async () => {
  const specOf = (columns: string) =>
    defineSpec({
      axes: {
        a: { size: 2, group: "permutation" },
        b: { size: 2, group: "permutation" },
        c: { size: 4, group: "permutation" },
      },
      tensors: { a: ["a", "3"], b: ["b", "3"], c: ["c"], last: ["2", columns] },
    });
  const spec = specOf("(a & b) & c");
  const model = equivariantUNF(spec, { channels: [1, 2] });
  const map = weightMap(model, noisyParams(model, 1));
  await assertEquivariant(spec, map);
  expect(await equivarianceError(specOf("a + b + c"), map, { seed: 1 })).toBeGreaterThan(1e-3);
});
