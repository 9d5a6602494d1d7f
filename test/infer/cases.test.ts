// Files that people hold, with the symmetries they have: each is found, each is proved where onnxruntime runs the file.

import { existsSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { byteSource } from "../../src/formats/byte-source.ts";
import { embedData } from "../../src/formats/onnx/onnx-data.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { printExplanations } from "../../src/infer/assembly/print.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { proveSpec } from "../../src/infer/proof/prove.ts";
import type { Executor } from "../../src/runtime/executor.ts";
import { onnxRuntime } from "../../src/runtime/onnx-runtime.ts";
import { freeAxes } from "../support/structure.ts";

const folder = new URL("../fixtures/cases/", import.meta.url);
const bytesOf = (name: string) => new Uint8Array(readFileSync(new URL(name, folder)));

async function load(name: string): Promise<Uint8Array> {
  return embedData(bytesOf(name), (beside) => {
    const url = new URL(beside, folder);
    return Promise.resolve(existsSync(url) ? byteSource(bytesOf(beside)) : undefined);
  });
}

/** As many factors, one number of either sign for every index of an axis. */
const factors = (count: number, of: string): string[] => Array<string>(count).fill(`GL_1 in ${of}`);

const right: Readonly<Record<string, readonly string[]>> = {
  "mlp_op18_ext.onnx": ["S_11 positive", "S_13 positive"],
  "resize_scales_initializer.onnx": ["S_8 positive"],
  "resize_sizes_dynamic.onnx": ["S_8 positive"],
  "weights_in_constant_nodes.onnx": ["S_8 positive"],
  "local_function.onnx": ["S_9 positive"],
  "scale_avgpool_flatten.onnx": ["S_5 positive"],
  "scale_cast_float_to_float.onnx": ["S_9 positive"],
  "scale_clip_relu6.onnx": ["S_9"],
  "sequence_conv1d_expanddims.onnx": ["S_9 positive"],
  "scale_abs_max_sum.onnx": ["S_9 positive"],
  "scale_where_relu.onnx": ["S_9 positive"],
  "scale_into_lstm_input.onnx": ["S_4", "S_9 positive"],
  "scale_sub_mul_add_batchnorm.onnx": ["S_9 positive"],
  "lora_pair.onnx": ["GL_2"],
  "lora_pair_bias_free_chain.onnx": ["GL_2"],
  "mha_fused_in_proj_op20.onnx": ["GL_4 in S_4", "GL_4 in S_4", "S_16 positive", "S_4"],
  "mha_op23.onnx": ["GL_4 in S_4", "GL_4 in S_4", "S_16 positive", "S_4"],
  "diffusion_qkv_reshape_op18.onnx": [
    "GL_16",
    "GL_16",
    "S_4",
    "S_4",
    "S_4 in S_4",
    "S_4 in S_4",
    "GL_1 in S_4",
  ],
  "attention_opset23.onnx": ["GL_4 in S_2", "GL_4 in S_2", "S_2"],
  "int8_dynamic_matmul.onnx": ["S_9"],
  "int8_qdq.onnx": ["S_9"],
  "scatterelements_expanded.onnx": ["S_9 positive"],
  "scatterelements_rows.onnx": [],
  "fused_conv_custom.onnx": ["S_5 positive"],
  "sklearn_mlp_scaler.onnx": ["S_64 positive", "S_64 positive"],
  "oto50-split-shared.onnx": ["GL_4", "GL_4", "GL_8", "S_4"],
  "phi3-packed.onnx": [
    ...factors(1, "S_10"),
    ...factors(2, "S_16"),
    "GL_4 in S_2",
    "GL_4 in S_2",
    "S_10",
    "S_16",
    "S_2",
    "S_2 in S_2",
  ],
  "tp146-cat-self.onnx": ["GL_5", "S_5"],
  "tp415-yolov9.onnx": [
    ...Array<string>(8).fill("S_4"),
    ...Array<string>(3).fill("S_5"),
    ...Array<string>(3).fill("S_6"),
    "S_8",
    "S_8",
  ],
  "tp524-qknorm-unbind.onnx": [...factors(1, "S_4"), "GL_4 in S_3", "S_3", "S_4"],
  "weightnorm-param.onnx": ["S_5 positive", "S_6 positive"],
  "zipit31-swin.onnx": [...factors(2, "S_8"), "GL_4 in S_2", "GL_4 in S_2", "S_16", "S_2", "S_8"],
  "matmul_3d_batched_experts.onnx": ["S_3", "S_9 positive in S_3"],
  "llama_gqa_op18.onnx": [
    "GL_8 in S_2",
    "S_2",
    "S_2 in S_2",
    "S_32",
    "S_4",
    "S_40",
    // Gains of three norms, rows of the gated layer, and both halves of the stored rotary tables with queries and keys.
    ...factors(3, "S_32"),
    ...factors(1, "S_40"),
    ...factors(2, "S_4"),
  ],
};

describe("files that people hold", () => {
  let executor: Executor;
  beforeAll(async () => {
    executor = await onnxRuntime();
  });

  test.for(Object.entries(right))("%s", async ([name, axes]) => {
    const bytes = await load(name);
    const inference = inferSpec(readOnnx(bytes));
    expect(freeAxes(inference.spec)).toEqual(axes.toSorted());
    expect(inference.unsupported).toEqual([]);
    const proof = await proveSpec(bytes, inference, executor, { seed: 5 });
    expect(proof.verdict).toBe(axes.length === 0 ? "nothing to prove" : "proved");
    // The weights of some blocks of that detector have next to no effect on its outputs.
    for (const { axis, control } of proof.axes)
      if (!name.startsWith("tp415")) expect(control?.error, axis).toBeGreaterThan(1e-4);
  });
});

test.each(["mha_fused_in_proj_op20.onnx", "mha_op23.onnx"])(
  "a residual stream without a norm is named as one that any matrix may change: %s",
  async (name) => {
    const bytes = await load(name);
    const inference = inferSpec(readOnnx(bytes));
    expect(
      inference.explanations.flatMap(({ axis, anyBasis }) => (anyBasis ? [axis] : [])),
    ).toEqual(["e"]);
    expect(printExplanations(inference)).toContain("any invertible matrix would do too");
    const executor = await onnxRuntime();
    const withBasis = (axis: string) => {
      const { scale: _, ...rest } = inference.spec.axes[axis];
      const axes = {
        ...inference.spec.axes,
        [axis]: { ...rest, group: "general-linear" as const },
      };
      const spec = { ...inference.spec, axes };
      return proveSpec(bytes, { ...inference, spec }, executor, { seed: 5 });
    };
    expect((await withBasis("e")).verdict).toBe("proved");
    expect((await withBasis("m.in_proj[0]")).verdict).toBe("refuted"); // the order of heads is no basis
  },
);
