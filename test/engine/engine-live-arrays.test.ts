import { expect, test } from "vitest";
import { EnvironmentError } from "../../src/core/errors.ts";
import { watchEngine } from "../../src/engine/live-arrays.ts";
import { startEngine } from "../../src/node/threads/start-engine.ts";

test("live arrays and bytes are counted; threads come too late for a loaded engine, which still starts", async () => {
  const watch = await watchEngine();
  await expect(startEngine({ threads: 2 })).rejects.toThrow(EnvironmentError);
  await startEngine();
  const { numpy } = await import("@jax-js/jax");
  const before = watch.liveArrays();
  const array = numpy.array(Float32Array.from({ length: 1000 }, (_, i) => i));
  expect(watch.liveArrays()).toBe(before + 1);
  expect(watch.liveBytes()).toBe(4000);
  const sum = numpy.add(array.ref, array);
  await sum.blockUntilReady();
  expect(watch.liveArrays()).toBe(before + 1);
  sum.dispose();
  expect(watch.liveArrays()).toBe(before);
  expect(watch.heapBytes()).toBeGreaterThanOrEqual(8000);
});
