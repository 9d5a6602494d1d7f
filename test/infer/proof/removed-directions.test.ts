// What LayerNorm removes is found on the file, for every dimension of every tensor, and projected out; networks without LayerNorm
// have no such directions.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { randomStream } from "../../../src/core/random.ts";
import type { Weights } from "../../../src/core/tensors.ts";
import { decodeTensor } from "../../../src/formats/onnx/onnx-tensor.ts";
import { replaceInitializers } from "../../../src/formats/onnx/onnx-write.ts";
import { readOnnx } from "../../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../../src/infer/infer.ts";
import {
  findRemovedDirections,
  type RemovedDirection,
  removeDirections,
} from "../../../src/infer/proof/removed-directions.ts";
import { randomInputs } from "../../../src/infer/proof/random-inputs.ts";
import { onnxRuntime } from "../../../src/runtime/onnx-runtime.ts";

const open = (name: string) => {
  const path = fileURLToPath(new URL(`../../fixtures/models/${name}.onnx`, import.meta.url));
  const bytes = new Uint8Array(readFileSync(path));
  const inference = inferSpec(readOnnx(bytes));
  const weights: Weights = Object.fromEntries(
    Object.entries(inference.spec.tensors).map(([tensor, { shape }]) => [
      tensor,
      { shape, data: decodeTensor(inference.graph.initializers.get(tensor)!) },
    ]),
  );
  return { bytes, inference, weights };
};

const far = (a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>) => {
  const [x, y] = [Array.from(a, Number), Array.from(b, Number)];
  return Math.hypot(...x.map((value, i) => value - y[i])) / Math.hypot(...x);
};

/** Weights moved along every direction by random constants. */
function move(weights: Weights, directions: readonly RemovedDirection[], seed: number): Weights {
  const random = randomStream(seed);
  const result = { ...weights };
  for (const { tensor, dimension, gain } of directions) {
    const { shape, data } = result[tensor];
    const stride = shape.slice(dimension + 1).reduce((product, size) => product * size, 1);
    const other = Array.from({ length: data.length / shape[dimension] }, () => random.normal());
    const moved = Float32Array.from(data, (x, at) => {
      const index = Math.floor(at / stride) % shape[dimension];
      const rest = Math.floor(at / (stride * shape[dimension])) * stride + (at % stride);
      return x + (0.1 * other[rest]) / (gain === undefined ? 1 : weights[gain].data[index]);
    });
    result[tensor] = { shape, data: moved };
  }
  return result;
}

describe("the block of a Transformer with LayerNorm before each part", async () => {
  const executor = await onnxRuntime();
  const { bytes, inference, weights } = open("vit_block");
  const directions = await findRemovedDirections(bytes, inference, executor);
  const text = ({ tensor, dimension, gain }: RemovedDirection) =>
    `${tensor} ${dimension}${gain === undefined ? "" : ` / ${gain}`}`;

  test("whatever writes to the stream may add one vector to all its outputs; keys read it so", () => {
    expect(directions.map(text).toSorted()).toEqual([
      "a.o.bias 0",
      "e.bias 0",
      "f2.bias 0",
      "onnx::MatMul_141 1",
      "onnx::MatMul_158 0 / n1.weight",
      "onnx::MatMul_164 1",
      "onnx::MatMul_166 1",
    ]);
    for (const { error, control } of directions) {
      expect(error).toBeLessThan(1e-6);
      expect(control).toBeGreaterThan(1e-3);
    }
  });

  test("moved along all of them the network computes the same, and its projection is one", async () => {
    const draw = randomInputs(inference.graph);
    const inputs = draw(inference.inputShapes, 3);
    const outputsOf = async (changed: Weights) =>
      Object.values(await executor.run(replaceInitializers(bytes, changed), inputs))[0].data;
    const moved = move(weights, directions, 1);
    const before = await outputsOf(weights);
    expect(far(before, await outputsOf(moved))).toBeLessThan(1e-5);
    const [projected, again] = [
      removeDirections(weights, directions),
      removeDirections(moved, directions),
    ];
    expect(far(before, await outputsOf(projected))).toBeLessThan(1e-5);
    for (const { tensor } of directions) {
      expect(far(weights[tensor].data, moved[tensor].data)).toBeGreaterThan(1e-2);
      expect(far(projected[tensor].data, again[tensor].data)).toBeLessThan(1e-5);
    }
    // The control: other dimensions of the same tensors are read.
    const other = directions.filter(({ tensor }) => weights[tensor].shape.length === 2);
    const turned = other.map(({ tensor, dimension }) => ({ tensor, dimension: 1 - dimension }));
    expect(far(before, await outputsOf(move(weights, turned, 1)))).toBeGreaterThan(1e-2);
  });
});

test.each([
  ["mlp", []],
  ["cnn_gap", []],
  ["groupnorm", ["a.bias 0"]],
])("%s has %j", async (name, expected) => {
  const { bytes, inference } = open(name);
  const found = await findRemovedDirections(bytes, inference, await onnxRuntime());
  expect(found.map(({ tensor, dimension }) => `${tensor} ${dimension}`)).toEqual(expected);
});
