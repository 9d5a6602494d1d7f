import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import type { Executor } from "../../src/runtime/executor.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { onnxRuntime } from "../../src/runtime/onnx-runtime.ts";
import { proveSpec } from "../../src/infer/proof/prove.ts";
import { formatAxisExpression } from "../../src/symmetry/expression.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { structureOf, withoutFactors } from "../support/structure.ts";

interface Truth {
  readonly groups: readonly number[];
  readonly not_free: readonly number[];
}

const folder = new URL("../fixtures/models/", import.meta.url);
const truth = JSON.parse(readFileSync(new URL("truth.json", folder), "utf8")) as Record<
  string,
  Truth
>;
const bytesOf = (name: string) => new Uint8Array(readFileSync(new URL(`${name}.onnx`, folder)));
const infer = (name: string) => inferSpec(readOnnx(bytesOf(name)));

/** Sizes of axes on which the full symmetric group acts, or matrices, which hold it. */
const freeSizes = ({ axes }: SymmetrySpec) =>
  Object.values(axes)
    .filter(({ group, within }) => group !== "fixed" && within === undefined)
    .map(({ size }) => size);

const textOf = (spec: SymmetrySpec, tensor: string) =>
  spec.tensors[tensor].axes.map(formatAxisExpression);

describe("19 exported models with known symmetries", () => {
  let executor: Executor;
  beforeAll(async () => {
    executor = await onnxRuntime();
  });

  test.for(Object.keys(truth))("%s: complete, no false axis, and proved", async (name) => {
    const inference = infer(name);
    const free = freeSizes(inference.spec);
    for (const size of truth[name].groups) expect(free).toContain(size);
    for (const size of truth[name].not_free) expect(free).not.toContain(size);
    const proof = await proveSpec(bytesOf(name), inference, executor, { seed: 3 });
    expect(proof.verdict).toBe("proved");
    expect(proof.largestError).toBeLessThan(1e-4);
    for (const { axis, control } of proof.axes) expect(control?.error, axis).toBeGreaterThan(1e-3);
  });
});

describe("structured rows", () => {
  test("heads are permuted, positions within each head separately for query-key and value", () => {
    expect(structureOf(withoutFactors(infer("vit_block").spec))).toEqual([
      "12",
      "17",
      "3",
      "4 in 3",
      "4 in 3",
    ]);
    expect(structureOf(infer("torch_mha").spec)).toEqual(["12", "3", "4 in 3", "4 in 3"]);
  });

  test("grouped queries lie within key-value heads, and rotary positions are fixed", () => {
    expect(structureOf(withoutFactors(infer("llama_block").spec))).toEqual([
      "12",
      "17",
      "2",
      "2 in 2",
      "4 in 2",
    ]);
  });

  test("groups of a convolution or a normalisation make wreath products", () => {
    expect(structureOf(infer("grouped_conv").spec)).toEqual(["2", "3 in 2", "4 in 2", "9"]);
    expect(structureOf(infer("groupnorm").spec)).toEqual(["2", "3 in 2", "9"]);
  });

  test("concatenation gives segments, flattening gives blocks, gates are stacked", () => {
    expect(textOf(infer("dense_concat").spec, "n.weight")).toEqual(["a^0 + b^0"]);
    expect(textOf(infer("cnn_flatten").spec, "l1.weight")).toEqual(["l1", "c1^-1 * 16"]);
    const lstm = infer("lstm").spec;
    expect(Object.keys(lstm.tensors).map((name) => textOf(lstm, name).join(", "))).toContain(
      "1, 4 * l, l",
    );
  });

  test("pixel shuffle moves whole blocks", () => {
    expect(textOf(infer("pixel_shuffle").spec, "a.bias")).toEqual(["a * 4"]);
  });
});
