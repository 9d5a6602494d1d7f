// Kernels against the definition in float64 and against the engine, on random specs: outputs and all gradients.

import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { mergeTensors } from "../../src/plan/merge-tensors.ts";
import { planLowered } from "../../src/plan/plan-spec.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { randomSpec } from "../../src/testing/random.ts";
import { runKernels } from "../support/kernels.ts";
import { atomShape, layerCase, relativeError, runPlan, runReference } from "../support/layers.ts";

beforeAll(() => startEngine());

const cases = 300;
/** The engine compiles for seconds; it stands beside every fifth, or beside all: BESIDE_ENGINE=1. */
const everyEngine = Number(process.env["BESIDE_ENGINE"] ?? 5);
const tolerance = 1e-5;
const toEngine = 2e-6;
const parts = ["outputs", "inputGradients", "matrixGradients"] as const;

describe(`kernels equal the definition on ${cases} random specs`, () => {
  let controls = 0;
  const perBlock = 25;
  test.each(Array.from({ length: cases / perBlock }, (_, block) => block * perBlock))(
    "seeds from %i",
    async (first) => {
      for (let seed = first; seed < first + perBlock; seed++) {
        const scales = seed % 10 === 7;
        const spec = randomSpec(seed, { maxEntries: 600, scales });
        const lowered = lowerSpec(spec, { fixedAxes: seed % 5 === 4 ? "permute" : "fold" });
        const executable = planLowered(
          seed % 4 === 1 ? mergeTensors(lowered) : lowered,
          scales ? "respect" : "ignore",
        );
        const layer = layerCase(executable, seed, seed % 3 === 2 ? "sum" : "mean");
        const kernels = runKernels(layer, 1 + (seed % 3), seed % 2 === 0 ? undefined : false);
        const slow = runReference(layer);
        const engine = seed % everyEngine === 0 ? await runPlan(layer) : undefined;
        for (const part of parts) {
          const error = relativeError(kernels[part], slow[part]);
          expect(error, `seed ${seed}, ${part}`).toBeLessThan(tolerance);
          if (engine === undefined) continue;
          const gap = relativeError(kernels[part], engine[part]);
          expect(gap, `seed ${seed}, ${part}, engine`).toBeLessThan(toEngine);
        }
        if (layer.matrices.length === 0) continue;
        // Control: one coefficient changed must show in the outputs.
        const [matrix, ...rest] = layer.matrices;
        const wrong = runReference({
          ...layer,
          matrices: [matrix.map((value, i) => (i === 0 ? value + 1 : value)), ...rest],
        });
        if (relativeError(kernels.outputs, wrong.outputs) > 100 * tolerance) controls++;
      }
    },
  );
  test("controls were seen to fail", () => {
    expect(controls).toBeGreaterThan(0.9 * cases);
  });
});

test("matrices that are larger than a cache, with rows and columns that fill no tile", () => {
  for (const batch of [1, 7]) {
    const executable = planLowered(lowerSpec(mlpSpec([2, 5, 1])));
    const layer = { ...layerCase(executable, 1, "mean"), channels: [97, 101] as const };
    const fill = (size: number, seed: number) => {
      const random = randomStream(seed);
      return Float64Array.from({ length: size }, () => Math.fround(random.normal()));
    };
    const sizesOf = (width: number) =>
      layer.inputs.map((_, id) => sizeOf(atomShape(executable, id, width)));
    const own = {
      ...layer,
      inputs: sizesOf(97).map(fill),
      cotangents: sizesOf(101).map(fill),
      matrices: executable.schedule.widths.map(({ input, output }, p) =>
        fill(input * 97 * output * 101, p),
      ),
    };
    const [kernels, exact] = [runKernels(own, batch), runReference(own)];
    for (const part of parts)
      expect(relativeError(kernels[part], exact[part]), part).toBeLessThan(tolerance);
    const wrong = runReference({ ...own, inputs: own.inputs.map((x) => x.toReversed()) });
    expect(relativeError(kernels.outputs, wrong.outputs)).toBeGreaterThan(100 * tolerance);
  }
});
