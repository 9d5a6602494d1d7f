// Graphs and checkpoints for tests of whether they belong together.

import { cp } from "node:fs/promises";
import { join } from "node:path";
import { fitGraph } from "../../../src/checkpoints/graph-fit.ts";
import { onnxModel } from "../../../src/checkpoints/network.ts";
import type { Weights } from "../../../src/core/tensors.ts";
import { isFloatType } from "../../../src/formats/onnx/onnx-element-types.ts";
import { decodeTensor } from "../../../src/formats/onnx/onnx-tensor.ts";
import { readOnnx } from "../../../src/formats/onnx/onnx.ts";
import { weightsSource } from "../../../src/formats/tensor-source.ts";
import { inTemporaryFolder, weightspace } from "../command-line.ts";
import { type OnnxBuilder, onnxBuilder } from "./onnx-builder.ts";
import { gemm, relu } from "./onnx-layers.ts";

export const fixture = (name: string) =>
  new URL(`../../fixtures/checkpoints/${name}`, import.meta.url).pathname;

/** Runs a command in a folder with copies of these fixtures. */
export const withFixtures = (
  names: readonly string[],
  body: (
    run: (...args: string[]) => ReturnType<typeof weightspace>,
    folder: string,
  ) => Promise<void>,
) =>
  inTemporaryFolder(async (folder) => {
    for (const name of names) await cp(fixture(name), join(folder, name));
    await body((...args) => weightspace(args, folder), folder);
  });

export const ones = (size: number) => Array.from({ length: size }, () => 1);

/** The model of a body that goes from input x [2, 5] to one output. */
export function modelOf(body: (b: OnnxBuilder, x: string) => string, seed = 1): Uint8Array {
  const b = onnxBuilder(seed);
  b.output(body(b, b.input("x", [2, 5])));
  return b.bytes();
}

/** The float tensors that a model stores. */
export function stored(bytes: Uint8Array): Weights {
  const tensors = [...readOnnx(bytes).initializers].filter(([, { type }]) => isFloatType(type));
  return Object.fromEntries(
    tensors.map(([name, tensor]) => [name, { shape: tensor.shape, data: decodeTensor(tensor) }]),
  );
}

export const without = (weights: Weights, ...names: string[]): Weights =>
  Object.fromEntries(Object.entries(weights).filter(([name]) => !names.includes(name)));
export const network = (weights: Weights, path = "a.safetensors") => ({
  path,
  source: weightsSource(weights),
});
export const turned = ({ shape: [rows, columns], data }: Weights[string]) => ({
  shape: [columns, rows],
  data: data.map((_, i) => data[(i % rows) * columns + Math.floor(i / rows)]),
});
export const fit = (bytes: Uint8Array, weights: Weights, ignored: readonly string[] = []) =>
  fitGraph(
    { path: "m.onnx", onnx: onnxModel(bytes), ignores: (name) => ignored.includes(name) },
    network(weights),
    [],
  );

export const mlp = (b: OnnxBuilder, x: string) =>
  gemm(b, relu(b, gemm(b, x, "f", 5, 9)), "g", 9, 3);
