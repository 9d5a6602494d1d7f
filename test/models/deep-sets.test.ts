// Deep Sets: numbers of one set may trade places, numbers of two may not.

import { beforeAll, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { buildModel } from "../../src/models/registry.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { randomWeights } from "../../src/testing/random.ts";
import { weightFunction } from "../support/maps.ts";

beforeAll(() => startEngine());

const spec = mlpSpec([4, 6, 3]);
const weights = randomWeights(spec, 5);
const [first, , second] = Object.keys(spec.tensors);

/** The weights with an entry of one tensor and one of another in each other's place. */
function traded(from: string, to: string, i: number, j: number) {
  const data = Object.fromEntries(
    Object.entries(weights).map(([name, tensor]) => [name, Float32Array.from(tensor.data)]),
  );
  [data[from][i], data[to][j]] = [data[to][j], data[from][i]];
  return Object.fromEntries(
    Object.entries(weights).map(([name, tensor]) => [name, { ...tensor, data: data[name] }]),
  );
}

test.each([
  ["deep-sets", false],
  ["deep-sets-one-set", true],
])(
  "%s: entries of one tensor trade places, those of two tensors only in one set: %s",
  async (name, one) => {
    const model = buildModel(name, spec);
    const predict = weightFunction(model, model.init(1));
    const [before] = Array.from(await predict(weights));
    const [within] = Array.from(await predict(traded(first, first, 0, 17)));
    const [across] = Array.from(await predict(traded(first, second, 0, 5)));
    expect(Math.abs(within - before)).toBeLessThan(1e-6);
    if (one) expect(Math.abs(across - before)).toBeLessThan(1e-6);
    else expect(Math.abs(across - before)).toBeGreaterThan(1e-4);
  },
);
