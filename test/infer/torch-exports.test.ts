// Models as PyTorch writes them today, by both exporters: all axes that a reader of the network finds, all proved. The files
// come from scripts/fixtures/export-torch.py with PyTorch 2.15.0.

import { readdirSync } from "node:fs";
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

const norms = (count: number): string[] => Array<string>(count).fill("GL_1 in S_16");

/** Read from the classes of the script. */
const axes: Readonly<Record<string, readonly string[]>> = {
  bilstm: ["S_6 in fixed_2"],
  cnn: ["S_6 positive"],
  conv1d: ["S_5 positive", "S_9 positive"],
  dense: ["S_4 positive", "S_5 positive"],
  encoder: ["GL_4 in S_4", "GL_4 in S_4", "S_24 positive", "S_4"],
  experts: ["S_3", "S_9 positive in S_3"],
  // Factors: gains of norms, and in llama halves of the stored rotary tables and rows of the gated layer.
  gpt: [...norms(3), "GL_4 in S_4", "GL_4 in S_4", "S_16", "S_24", "S_4"],
  "group-norm": ["S_3", "S_4 in S_3"],
  gru: ["S_6"],
  llama: [
    "GL_1 in S_2",
    "GL_1 in S_2",
    "GL_1 in S_24",
    "GL_4 in S_2",
    "S_2",
    "S_2",
    "S_2 in S_2",
    "S_24",
  ],
  lora: ["GL_2", "S_12 positive"],
  lstm: ["S_6"],
  message: ["S_9 positive"],
  mha: ["GL_16", "GL_16", "GL_4 in S_4", "GL_4 in S_4", "S_4"],
  mlp: ["S_8 sign", "S_9 positive"],
  mobile: ["S_10 positive", "S_8"],
  "pixel-shuffle": ["S_2 positive"],
  resnet: ["S_12 positive", "S_8 positive"],
  rnn: ["S_6 sign"],
  sine: ["S_9 sign", "S_9 sign"],
  unet: ["S_6 positive", "S_8 positive"],
  vit: [...norms(2), "GL_4 in S_4", "GL_4 in S_4", "S_16", "S_24", "S_4"],
};

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
