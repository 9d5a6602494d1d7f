// A functional on weights without the directions that LayerNorm removes does not see moves along them; by itself it does.

import { beforeAll, expect, test } from "vitest";
import { randomStream } from "../../../src/core/random.ts";
import type { Weights } from "../../../src/core/tensors.ts";
import { startEngine } from "../../../src/engine/start.ts";
import { removeDirections } from "../../../src/infer/proof/removed-directions.ts";
import { buildModel } from "../../../src/models/registry.ts";
import { withoutDirections } from "../../../src/models/wrappers/without-directions.ts";
import { digitsTasks } from "../../../src/tasks/digits.ts";
import { toBatch } from "../../../src/testing/equivariance.ts";
import { randomWeights } from "../../../src/testing/random.ts";
import { defineSpec } from "../../../src/symmetry/spec.ts";
import { compileForward } from "../../../src/train/compiled.ts";

beforeAll(() => startEngine());

const far = (a: readonly number[], b: readonly number[]) =>
  Math.hypot(...a.map((x, i) => x - b[i])) / Math.hypot(...a);

/** One vector more for all entries along a dimension. */
function moved(
  weights: Weights,
  tensor: string,
  dimension: number,
  constant?: ArrayLike<number>,
): Weights {
  const { shape, data } = weights[tensor];
  const random = randomStream(4);
  const stride = shape.slice(dimension + 1).reduce((product, size) => product * size, 1);
  const other = Array.from({ length: data.length / shape[dimension] }, () => random.normal());
  const result = Float32Array.from(data, (x, at) => {
    const index = Math.floor(at / stride) % shape[dimension];
    const rest = Math.floor(at / (stride * shape[dimension])) * stride + (at % stride);
    return x + 5 * other[rest] * (constant === undefined ? 1 : 1 / constant[index]);
  });
  return { ...weights, [tensor]: { shape, data: result } };
}

test("Transformer-NFN on the zoo's Transformer without residuals", async () => {
  const spec = await digitsTasks["digits-transformer-plain"].spec();
  const square = Object.entries(spec.tensors).filter(([, { shape }]) => shape.length === 2);
  const [[tensor]] = square.filter(([name]) => /out|o\.weight|proj/.test(name));
  const plain = buildModel("transformer-nfn", spec, { channels: [1, 3], head: [4, 2] });
  const model = withoutDirections(plain, [{ tensor, dimension: 1 }]);
  const params = plain.init(0);
  const outputsOf = async (one: typeof plain, weights: Weights) => {
    const forward = compileForward(one);
    const kept = Object.fromEntries(Object.entries(params).map(([name, x]) => [name, x.ref]));
    return Array.from((await (await forward.run(kept, toBatch(weights))).data()) as Float32Array);
  };
  const weights = randomWeights(spec, 1);
  const other = moved(weights, tensor, 1);
  const before = await outputsOf(model, weights);
  expect(far(before, await outputsOf(model, other))).toBeLessThan(1e-4);
  expect(far(await outputsOf(plain, weights), await outputsOf(plain, other))).toBeGreaterThan(1e-3);
  // On the host it is the same projection.
  const host = removeDirections(weights, [{ tensor, dimension: 1 }]);
  expect(far(before, await outputsOf(plain, host))).toBeLessThan(1e-4);
});

test("rows that gains divide", async () => {
  const spec = defineSpec({
    axes: { h: { size: 5, group: "permutation" } },
    tensors: {
      gain: { shape: [5], axes: ["h"] },
      read: { shape: [3, 5], axes: ["3", "h"] },
    },
  });
  const plain = buildModel("unf", spec, { channels: [1, 4], head: [2], backend: "engine" });
  const direction = { tensor: "read", dimension: 1, gain: "gain" };
  const model = withoutDirections(plain, [direction]);
  const params = plain.init(0);
  const outputsOf = async (one: typeof plain, weights: Weights) => {
    const kept = Object.fromEntries(Object.entries(params).map(([name, x]) => [name, x.ref]));
    return Array.from((await one.apply(kept, toBatch(weights)).data()) as Float32Array);
  };
  const weights = randomWeights(spec, 2);
  const other = moved(weights, "read", 1, weights["gain"].data);
  expect(far(await outputsOf(model, weights), await outputsOf(model, other))).toBeLessThan(1e-4);
  expect(far(await outputsOf(plain, weights), await outputsOf(plain, other))).toBeGreaterThan(1e-3);
  const host = removeDirections(weights, [direction]);
  expect(far(await outputsOf(model, weights), await outputsOf(plain, host))).toBeLessThan(1e-4);
  expect(() => withoutDirections(plain, [{ tensor: "none", dimension: 0 }])).toThrow(
    /not in the model's spec/,
  );
  expect(() => withoutDirections(plain, [{ ...direction, gain: "read" }])).toThrow(
    /no tensor of so many gains/,
  );
});
