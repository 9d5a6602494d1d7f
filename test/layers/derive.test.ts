// Derived tensors on arrays against their definition, with the layer that reads them, and its gradient.

import { jit, numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { sizeOf } from "../../src/core/shapes.ts";
import { startEngine } from "../../src/engine/start.ts";
import { deriveTensors } from "../../src/layers/products/derive.ts";
import { referenceDerived } from "../support/products/reference-derived.ts";
import { deriveProducts } from "../../src/plan/products/derive-products.ts";
import { lowerSpec, type LoweredSpec } from "../../src/symmetry/lower.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { coefficientShape, isRead } from "../../src/symmetry/formula.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { randomStream } from "../../src/core/random.ts";
import { gap, normalCoefficients, shapeOf } from "../support/products/derived.ts";
import { modelSpec } from "../support/networks.ts";
import { residualSpec } from "../support/specs.ts";

beforeAll(() => startEngine());

/** Compiled arrays against the definition; how many features differ between the networks of the batch. */
async function compareDerived(lowered: LoweredSpec, batch: number, channels: number) {
  const base = lowered.tensors.filter(({ formula }) => formula === undefined);
  const random = randomStream(5);
  const networks = Array.from({ length: batch }, () =>
    base.map((tensor) => ({
      width: tensor.fixedSize * channels,
      data: Float64Array.from(
        { length: sizeOf(shapeOf(lowered, tensor)) * tensor.fixedSize * channels },
        () => Math.fround(random.normal()),
      ),
    })),
  );
  const read = normalCoefficients(1);
  const slow = networks.map((inputs) => referenceDerived(lowered, inputs, channels, read));
  const arrays = base.map((tensor, id) =>
    np
      .array(Float32Array.from(networks.flatMap((inputs) => [...inputs[id].data])))
      .reshape([batch, ...shapeOf(lowered, tensor), tensor.fixedSize * channels]),
  );
  const coefficients = new Map<number, np.Array>();
  for (const tensor of lowered.tensors) {
    const shape = tensor.formula && coefficientShape(tensor.formula, channels);
    if (shape)
      coefficients.set(
        tensor.id,
        np.array(Float32Array.from(read(tensor, shape))).reshape([...shape]),
      );
  }
  const compiled = jit((x: np.Array[]) => deriveTensors(lowered, x, coefficients, channels));
  const fast = await Promise.all(compiled(arrays).map((array) => array.data()));
  const features = lowered.tensors.filter(isRead);
  expect(fast).toHaveLength(features.length);
  let changed = 0;
  for (const [place, { id, name }] of features.entries()) {
    const all = Float64Array.from(slow.flatMap((values) => [...values[id].data]));
    const made = { width: 1, data: Float64Array.from(fast[place] as Float32Array) };
    expect(gap(made, { width: 1, data: all }), name).toBeLessThan(1e-4);
    // Control: entries of the two networks exchanged.
    const swapped = all.map((__, i) => all[(i + all.length / 2) % all.length]);
    if (gap(made, { width: 1, data: swapped }) > 1e-2) changed++;
  }
  return { changed, features: features.length };
}

describe("arrays equal the definition, with several channels and networks", () => {
  const specs: [string, SymmetrySpec][] = [
    ["MLP", mlpSpec([2, 5, 4, 3], { scale: "sign" })],
    ["wide ends", mlpSpec([12, 5, 4, 11], { scale: "positive" })],
    ["residual", residualSpec(2)],
    ...["resnet", "vit_block", "torch_mha", "grouped_conv", "cnn_flatten"].map(
      (name): [string, SymmetrySpec] => [name, modelSpec(`${name}.onnx`)],
    ),
  ];
  // Widths that the engine works on as vectors, and widths that it does not.
  const cases = specs.flatMap(([name, spec], i) =>
    [3, i % 2 === 0 ? 4 : 8].map((channels) => [name, channels, spec] as const),
  );
  test.each(cases)("%s, %i channels", async (_, channels, spec) => {
    const lowered = deriveProducts(lowerSpec(spec), { rank: 3 });
    const batch = 2;
    const { changed, features } = await compareDerived(lowered, batch, channels);
    expect(changed).toBe(features);
  });
});

test("products of all small sizes, widths and batches, compiled: nothing depends on where the engine uses vectors", async () => {
  const sizes = [1, 2, 5];
  for (const channels of [1, 3, 4, 8]) {
    for (const [a, b, c] of sizes.flatMap((x) =>
      sizes.flatMap((y) => sizes.map((z) => [x, y, z])),
    )) {
      const spec = defineSpec({
        axes: {
          in: { size: c, group: "fixed" },
          h: { size: a, group: "permutation", scale: "positive" },
          g: { size: b, group: "permutation", scale: "positive" },
        },
        tensors: { w1: ["h", "in"], b1: ["h"], w2: ["g", "h^-1"], b2: ["g"], w3: ["in", "g^-1"] },
      });
      await compareDerived(deriveProducts(lowerSpec(spec), { rank: 3 }), 1 + (a % 2), channels);
    }
  }
});
