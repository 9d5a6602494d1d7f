// One small model for each operator that is followed in a way of its own: its symmetries are found and proved.

import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { decodeTensor } from "../../src/formats/onnx/onnx-tensor.ts";
import { replaceInitializers } from "../../src/formats/onnx/onnx-write.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { proveSpec } from "../../src/infer/proof/prove.ts";
import type { Executor } from "../../src/runtime/executor.ts";
import { onnxRuntime } from "../../src/runtime/onnx-runtime.ts";
import { freeAxes } from "../support/structure.ts";

const folder = new URL("../fixtures/cases/operators/", import.meta.url);
const bytesOf = (name: string) => new Uint8Array(readFileSync(new URL(`${name}.onnx`, folder)));

const right: Readonly<Record<string, readonly string[]>> = {
  "attention-gqa": ["GL_3 in S_2", "GL_5 in S_2", "S_2", "S_2 in S_2"],
  "attention-one-mask": ["GL_4 in S_2", "GL_4 in S_2", "S_2"],
  "attention-mask": ["GL_3 in S_2", "GL_5 in S_2", "S_2"],
  "center-crop": ["S_8 positive"],
  "columns-to-image": ["S_8 positive"],
  "constant-bias": ["S_9 positive"],
  "constant-mask": [],
  "conv-integer": ["S_8"],
  "crop-channels": [],
  "deform-conv": ["S_6 positive", "S_8 positive"],
  "deform-conv-offsets": ["S_6 positive"],
  "dequantize-channels": ["S_9"],
  functions: ["S_8 positive", "S_9 positive"],
  "fused-gemm": ["S_9 positive"],
  "fused-matmul": ["S_9 positive"],
  "gather-nd": ["S_9 positive"],
  "grid-sample": ["S_8 positive"],
  half: ["S_9 positive"],
  hardmax: ["S_9"],
  "if-idle": ["GL_9", "S_8 positive"],
  "if-known": ["S_9 positive"],
  "if-weights": ["GL_9", "S_7 sign", "S_8 positive"],
  loop: ["S_9 positive"],
  "loop-collects": ["S_9 positive"],
  "loop-counted": [],
  "loop-grows": ["S_8 positive"],
  "lstm-int8": ["S_5", "S_9"],
  "max-roi-pool": ["S_8 positive"],
  "mean-variance": ["S_8"],
  "ms-attention": ["GL_4 in S_2", "GL_6 in S_2", "GL_8", "S_2"],
  "ms-attention-lengths": ["GL_4 in S_2", "GL_6 in S_2", "GL_8", "S_2"],
  "ms-embedding": ["GL_1 in S_8", "S_8"],
  "ms-group-query": ["GL_8 in S_2", "GL_8 in S_2", "S_2", "S_2 in S_2"],
  "ms-group-query-cache": ["S_2 in fixed_2"],
  "ms-group-query-packed": ["GL_8 in S_2", "GL_8 in S_2", "S_2", "S_2 in S_2"],
  "ms-group-query-rotary": ["GL_16 in S_2", "S_2", "S_2 in S_2"],
  "ms-multi-head": ["GL_4 in S_2", "GL_4 in S_2", "S_2"],
  "one-hot": ["S_9 positive"],
  qgemm: ["S_9"],
  "qlinear-channels": ["S_9"],
  "qlinear-conv": ["S_8"],
  "qlinear-matmul": ["S_9"],
  "qlinear-pairs": ["S_9"],
  "qlinear-pool": ["S_8"],
  "resize-axes": ["S_8 positive"],
  "reverse-sequence": ["S_9 positive"],
  "roi-align": ["S_8 positive"],
  rotary: ["GL_5 in S_2", "S_2"],
  scan: ["S_7 positive", "S_9 positive"],
  "scan-layers": ["S_9 positive"],
  "scatter-max": ["S_9 positive"],
  "scatter-nd": ["S_9 positive"],
  "set-4": ["S_8 positive"],
  "set-6": ["S_5 positive", "S_8 positive"],
  "skip-norm": ["GL_1 in S_9", "S_9"],
};

/** What is not followed, by model. */
const refused: Readonly<Record<string, readonly string[]>> = {
  "loop-counted": ["Loop: a number of rounds that depends on data is not followed"],
  "loop-grows": [
    "Loop: the operation is not known, its result is taken to have the shape of its inputs",
    "Loop: the operation is not known",
  ],
};

/** Models that onnxruntime does not run: operator sets it has dropped, and a branch that its shape check refuses. */
const notRun = new Set(["set-4", "set-6", "if-known"]);

describe("operators", () => {
  let executor: Executor;
  beforeAll(async () => {
    executor = await onnxRuntime();
  });

  test("every model of the folder has its answer here", () => {
    const names = readdirSync(folder).map((file) => file.replace(/\.onnx$/, ""));
    expect(names.toSorted()).toEqual(Object.keys(right).toSorted());
  });

  test.for(Object.entries(right))("%s", async ([name, axes]) => {
    const bytes = bytesOf(name);
    const inference = inferSpec(readOnnx(bytes));
    expect(freeAxes(inference.spec)).toEqual(axes.toSorted());
    const reasons = inference.unsupported.map(({ op, reason }) => `${op}: ${reason}`);
    expect(reasons).toEqual(refused[name] ?? []);
    const proof = proveSpec(bytes, inference, executor, { seed: 2 });
    if (notRun.has(name)) return expect(proof).rejects.toThrow(/does not take the model/);
    const { verdict, axes: proofs } = await proof;
    expect(verdict).toBe(axes.length === 0 ? "nothing to prove" : "proved");
    // The condition is drawn as true: what the other branch holds cannot show.
    for (const { axis, control } of proofs)
      if (!axis.includes("else")) expect(control?.error, axis).toBeGreaterThan(1e-4);
  });

  test("weights of a branch, of a Constant and of eight bits are written under the names they are read by", () => {
    for (const [model, name] of [
      ["if-weights", "n_o.else/a"],
      ["constant-bias", "b"],
      ["qlinear-matmul", "w1"],
    ] as const) {
      const tensor = readOnnx(bytesOf(model)).initializers.get(name);
      if (tensor === undefined) throw new Error(`no tensor ${name}`);
      const data = decodeTensor(tensor).toReversed();
      const written = replaceInitializers(bytesOf(model), {
        [name]: { shape: tensor.shape, data },
      });
      const again = readOnnx(written).initializers.get(name);
      expect(again && [...decodeTensor(again)]).toEqual([...data]);
      expect([...data]).not.toEqual([...decodeTensor(tensor)]);
    }
    const half = { w1: { shape: [6, 9], data: new Float32Array(54).fill(0.5) } };
    expect(() => replaceInitializers(bytesOf("qlinear-matmul"), half)).toThrow(/"w1" holds int8/);
  });
});
