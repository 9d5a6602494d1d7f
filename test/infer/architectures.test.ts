import { beforeAll, describe, expect, test } from "vitest";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import type { Executor } from "../../src/runtime/executor.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { onnxRuntime } from "../../src/runtime/onnx-runtime.ts";
import { proveSpec } from "../../src/infer/proof/prove.ts";
import { buildModel } from "../support/graphs/architecture.ts";
import { imageModels } from "../support/graphs/image-models.ts";
import { recurrentModels } from "../support/graphs/recurrent-models.ts";
import { sequenceModels } from "../support/graphs/sequence-models.ts";
import { structureOf, withoutFactors } from "../support/structure.ts";

describe("generated architectures", () => {
  let executor: Executor;
  beforeAll(async () => {
    executor = await onnxRuntime();
  });

  test.for(
    [...imageModels, ...sequenceModels, ...recurrentModels].map((one) => [one.name, one] as const),
  )("%s: exactly its axes, proved", async ([, architecture]) => {
    const bytes = buildModel(architecture);
    const inference = inferSpec(readOnnx(bytes));
    expect(inference.unsupported).toEqual([]);
    expect(structureOf(withoutFactors(inference.spec))).toEqual(architecture.axes);
    const proof = await proveSpec(bytes, inference, executor, { seed: 5 });
    expect(proof).toMatchObject({ verdict: "proved" });
    for (const { axis, control } of proof.axes) expect(control?.error, axis).toBeGreaterThan(1e-3);
  });
});
