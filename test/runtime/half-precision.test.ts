// Numbers of half precision go in and come out as numbers, not as the codes that stand for them.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { decodeSmallFloats, encodeSmallFloats } from "../../src/core/floats.ts";
import { decodeTensor } from "../../src/formats/onnx/onnx-tensor.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { onnxRuntime } from "../../src/runtime/onnx-runtime.ts";

const bytes = new Uint8Array(
  readFileSync(new URL("../fixtures/cases/operators/half.onnx", import.meta.url)),
);

/** relu(x a + b) c in float64. */
function byHand(x: ArrayLike<number>): number[] {
  const { initializers } = readOnnx(bytes);
  const [a, b, c] = ["a", "b", "c"].map((name) => decodeTensor(initializers.get(name)!));
  return Array.from({ length: 12 }, (_, at) => {
    const [row, column] = [Math.floor(at / 4), at % 4];
    let sum = 0;
    for (let j = 0; j < 9; j++) {
      let unit = b[j];
      for (let i = 0; i < 6; i++) unit += x[row * 6 + i] * a[i * 9 + j];
      sum += Math.max(unit, 0) * c[j * 4 + column];
    }
    return sum;
  });
}

test("outputs are numbers within the rounding of half precision; codes and numbers are the same input", async () => {
  const executor = await onnxRuntime();
  const numbers = Float32Array.from({ length: 18 }, (_, i) => Math.sin(i + 1) / 3);
  const codes = encodeSmallFloats(numbers, "float16") as Uint16Array;
  const run = async (data: Float32Array | Uint16Array) =>
    (await executor.run(bytes, { x: { type: "float16", shape: [3, 6], data } }))["o"];
  const { type, data } = await run(numbers);
  expect(type).toBe("float16");
  const exact = byHand(decodeSmallFloats(codes, "float16"));
  const size = Math.max(...exact.map(Math.abs));
  for (const [i, value] of exact.entries())
    expect(Math.abs(Number(data[i]) - value)).toBeLessThan(2e-3 * size);
  expect(size).toBeGreaterThan(0.01); // codes of such numbers are in the thousands
  expect((await run(codes)).data).toEqual(data);
});

test("what is not finite in half precision comes out so", async () => {
  const executor = await onnxRuntime();
  const x = { type: "float16", shape: [3, 6], data: new Float32Array(18).fill(1e6) } as const;
  const { data } = (await executor.run(bytes, { x }))["o"];
  expect(data.every(Number.isFinite)).toBe(false);
});
