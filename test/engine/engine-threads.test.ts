import { expect, test } from "vitest";
import { EnvironmentError, OptionError } from "../../src/core/errors.ts";
import { startEngine } from "../../src/node/threads/start-engine.ts";

test("two threads give the product one would, and threads cannot change afterwards", async () => {
  await startEngine({ threads: 2 });
  const { numpy } = await import("@jax-js/jax");
  const size = 160;
  const a = Float32Array.from({ length: size * size }, (_, i) => (i % 7) - 3);
  const b = Float32Array.from({ length: size * size }, (_, i) => (i % 5) - 2);
  const shape = [size, size];
  const product = numpy.matmul(numpy.array(a, { shape }), numpy.array(b, { shape }));
  const expected = Float32Array.from({ length: size * size }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < size; k++) {
      sum += a[Math.floor(at / size) * size + k] * b[k * size + (at % size)];
    }
    return sum;
  });
  expect(await product.data()).toEqual(expected);
  await expect(startEngine({ threads: 3 })).rejects.toThrow(OptionError);
  await expect(startEngine({ threads: 0 })).rejects.toThrow(/whole number from 1/);
  await startEngine();
});

test("arrays can only be watched when the engine is not loaded yet", async () => {
  const { watchEngine } = await import("../../src/engine/live-arrays.ts");
  await expect(watchEngine()).rejects.toThrow(EnvironmentError);
});
