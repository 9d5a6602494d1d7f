// Many axes are proved in groups, on one prepared model: false axes among them are found one by one.

import { beforeAll, describe, expect, test } from "vitest";
import { readOnnx } from "../../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../../src/infer/infer.ts";
import { proveSpec } from "../../../src/infer/proof/prove.ts";
import { manyAxes, proveInGroups } from "../../../src/infer/proof/prove-groups.ts";
import { openRuns } from "../../../src/infer/proof/weights-as-inputs.ts";
import type { Executor } from "../../../src/runtime/executor.ts";
import { onnxRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { defineSpec } from "../../../src/symmetry/spec.ts";
import { formatAxisExpression } from "../../../src/symmetry/expression.ts";
import { deepUnet } from "../../support/graphs/deep-models.ts";

describe("groups of axes", () => {
  const names = Array.from({ length: 3000 }, (_, i) => `a${i}`);

  test("a few dozen proofs for thousands of axes, and each false one is found alone", async () => {
    const wrong = new Set(["a17", "a18", "a2999"]);
    let proofs = 0;
    const prove = (axes: readonly string[]) => {
      proofs++;
      const holds = !axes.some((axis) => wrong.has(axis));
      return Promise.resolve({ error: holds ? 0 : 1, holds, control: null });
    };
    const found = await proveInGroups(names, prove);
    expect(found.map(({ axis }) => axis)).toEqual(names);
    expect(found.filter(({ holds }) => !holds).map(({ axis }) => axis)).toEqual([...wrong]);
    expect(
      found.filter(({ holds }) => !holds).every(({ together }) => together === undefined),
    ).toBe(true);
    expect(proofs).toBeLessThan(100);
  });
});

describe("a U-Net of 500 nodes", () => {
  let executor: Executor;
  beforeAll(async () => {
    executor = await onnxRuntime();
  });
  const bytes = deepUnet(500);

  test("is proved in groups; one false axis among hundreds is refuted by name", async () => {
    const inference = inferSpec(readOnnx(bytes));
    const { spec } = inference;
    const moving = Object.keys(spec.axes).filter((name) => spec.axes[name].group !== "fixed");
    expect(moving.length).toBeGreaterThanOrEqual(manyAxes);
    // The input axis of the network, claimed to be free.
    const [input] = Object.keys(spec.axes).filter((name) => spec.axes[name].size === 3);
    const axes = { ...spec.axes, [input]: { size: 3, group: "permutation" as const } };
    const tensors = Object.entries(spec.tensors).map(([name, { shape, axes: dims }]) => [
      name,
      { shape, axes: dims.map(formatAxisExpression) },
    ]);
    const wrong = defineSpec({ axes, tensors: Object.fromEntries(tensors) });
    const refuted = await proveSpec(bytes, { ...inference, spec: wrong }, executor, { seed: 1 });
    expect(refuted.verdict).toBe("refuted");
    expect(refuted.axes.filter(({ holds }) => !holds).map(({ axis }) => axis)).toEqual([input]);
    expect(refuted.axes.filter(({ together = 1 }) => together > 1).length).toBeGreaterThan(180);
  });

  test("weights that are no initializers of the graph itself are not made inputs", async () => {
    const none = { inputs: {}, untouched: {} };
    const weights = { absent: { shape: [1], data: Float32Array.of(1) } };
    expect(await openRuns(bytes, weights, executor, none, {})).toBeUndefined();
  });
});
