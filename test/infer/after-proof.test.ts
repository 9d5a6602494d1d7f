// A proof leaves the process as it found it: functionals still compile afterwards.

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { onnxRuntime } from "../../src/runtime/onnx-runtime.ts";
import { proveSpec } from "../../src/infer/proof/prove.ts";
import { unf } from "../../src/models/unf.ts";
import { toBatch } from "../../src/testing/equivariance.ts";
import { randomWeights } from "../../src/testing/random.ts";

test("after a proof, a functional over the proved spec runs in the same process", async () => {
  const bytes = await readFile(new URL("../fixtures/models/mlp.onnx", import.meta.url));
  const inference = inferSpec(readOnnx(bytes));
  const before = Object.keys(globalThis);
  const proof = await proveSpec(bytes, inference, await onnxRuntime(), { seed: 1 });
  expect(proof.verdict).toBe("proved");
  expect("Worker" in globalThis).toBe(before.includes("Worker"));
  await startEngine();
  const model = unf(inference.spec, { channels: [1, 2], head: [1] });
  const prediction = await model
    .apply(model.init(0), toBatch(randomWeights(inference.spec, 1)))
    .data();
  expect(Number.isFinite(prediction[0])).toBe(true);
});
