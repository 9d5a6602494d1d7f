// Models as PyTorch writes them today, by both exporters: all axes that a reader of the network finds, all proved. The files
// come from scripts/fixtures/export-torch.py with PyTorch 2.15.0.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { proveSpec } from "../../src/infer/proof/prove.ts";
import { readModelBytes } from "../../src/node/beside.ts";
import type { Executor } from "../../src/runtime/executor.ts";
import { onnxRuntime } from "../../src/runtime/onnx-runtime.ts";
import { freeAxes } from "../support/structure.ts";

const folder = new URL("../fixtures/torch/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".onnx"));

/** Read from the classes of the script; it says what factors are (GL_1 in another axis). */
const axes = JSON.parse(readFileSync(new URL("axes.json", folder), "utf8")) as Readonly<
  Record<string, readonly string[]>
>;

describe("exports of today's PyTorch", () => {
  let executor: Executor;
  beforeAll(async () => {
    executor = await onnxRuntime();
  });

  test("there are 22 architectures, each by the exporter of today", () => {
    const names = files.map((file) => file.replace(/-(script|dynamo)-op\d+\.onnx$/, ""));
    expect([...new Set(names)].toSorted()).toEqual(Object.keys(axes).toSorted());
    expect(files.filter((file) => file.includes("-dynamo-op20")).length).toBe(22);
    expect(files.filter((file) => file.includes("-script-")).length).toBeGreaterThan(18);
  });

  test.for(files)("%s", async (file) => {
    const bytes = await readModelBytes(fileURLToPath(new URL(file, folder)));
    const inference = inferSpec(readOnnx(bytes));
    const name = file.replace(/-(script|dynamo)-op\d+\.onnx$/, "");
    expect(inference.unsupported).toEqual([]);
    expect(freeAxes(inference.spec)).toEqual(axes[name].toSorted());
    const proof = await proveSpec(bytes, inference, executor, { seed: 5 });
    expect(proof.verdict).toBe("proved");
    for (const { axis, control } of proof.axes) expect(control?.error, axis).toBeGreaterThan(3e-5);
  });
});
