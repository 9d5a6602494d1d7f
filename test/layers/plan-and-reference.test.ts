// The fast executor against the definition, on random specs: outputs, gradients, equivariance, each with a control.

import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { mergeTensors } from "../../src/plan/merge-tensors.ts";
import { planLowered } from "../../src/plan/plan-spec.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { splitParts } from "../../src/symmetry/parts.ts";
import { randomSpec } from "../../src/testing/random.ts";
import { layerCase, relativeError, runPlan, runReference } from "../support/layers.ts";

beforeAll(() => startEngine());

const cases = 300;
const tolerance = 1e-5;

describe(`plan equals definition on ${cases} random specs`, () => {
  const seen = {
    merged: 0,
    repeated: 0,
    sums: 0,
    products: 0,
    within: 0,
    rankFive: 0,
    controls: 0,
  };
  const perBlock = 50;
  test.each(Array.from({ length: cases / perBlock }, (_, block) => block * perBlock))(
    "seeds from %i",
    async (first) => {
      for (let seed = first; seed < first + perBlock; seed++) {
        const spec = randomSpec(seed, { maxEntries: 600 });
        const lowered = lowerSpec(spec, { fixedAxes: seed % 5 === 4 ? "permute" : "fold" });
        const executable = planLowered(seed % 4 === 1 ? mergeTensors(lowered) : lowered);
        const layer = layerCase(executable, seed, seed % 3 === 2 ? "sum" : "mean");
        const fast = await runPlan(layer);
        const slow = runReference(layer);
        for (const part of ["outputs", "inputGradients", "matrixGradients"] as const) {
          const error = relativeError(fast[part], slow[part]);
          expect(error, `seed ${seed}, ${part}`).toBeLessThan(tolerance);
        }
        // Control: one coefficient changed must show in the outputs.
        const [matrix, ...rest] = layer.matrices;
        const wrong = runReference({
          ...layer,
          matrices: [matrix.map((value, i) => (i === 0 ? value + 1 : value)), ...rest],
        });
        if (relativeError(fast.outputs, wrong.outputs) > 100 * tolerance) seen.controls++;

        const texts = Object.values(spec.tensors).flatMap(({ axes }) => axes);
        const dims = lowered.tensors.map((tensor) => tensor.dims.map(({ axis }) => axis));
        if (executable.lowered.tensors.length < dims.length) seen.merged++;
        if (dims.some((axes) => new Set(axes).size < axes.length)) seen.repeated++;
        if (texts.some(({ kind }) => kind === "sum")) seen.sums++;
        if (texts.some(({ kind }) => kind === "product")) seen.products++;
        const parts = Object.keys(spec.tensors).flatMap((tensor) => splitParts(spec, tensor).parts);
        if (parts.some((part) => part.dims.some(({ parent }) => parent !== null))) seen.within++;
        if (Object.values(spec.tensors).some(({ shape }) => shape.length === 5)) seen.rankFive++;
      }
    },
  );
  test("the specs cover merged tensors, repeated axes, sums, products, within, five axes; controls were seen to fail", () => {
    expect(seen.merged).toBeGreaterThan(20);
    expect(seen.repeated).toBeGreaterThan(60);
    expect(seen.sums).toBeGreaterThan(60);
    expect(seen.products).toBeGreaterThan(60);
    expect(seen.within).toBeGreaterThan(20);
    expect(seen.rankFive).toBeGreaterThan(5);
    // A first coefficient can multiply an input that is zero or reach nothing only by accident of tiny sizes.
    expect(seen.controls).toBeGreaterThan(0.95 * cases);
  });
});
