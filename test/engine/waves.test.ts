import { grad, jit, numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { cosine, sine } from "../../src/engine/waves.ts";

beforeAll(() => startEngine());

const values = Float32Array.from({ length: 20_000 }, (_, i) => (i - 10_000) / 100);

test.each([
  ["sine", sine, Math.sin, Math.cos],
  ["cosine", cosine, Math.cos, (x: number) => -Math.sin(x)],
] as const)(
  "%s and its derivative are within 5e-7 of the true ones",
  async (_, wave, truth, slope) => {
    const found = await jit(wave)(np.array(values)).data();
    const slopes = await jit(grad((x: np.Array) => np.sum(wave(x))))(np.array(values)).data();
    let [most, mostSlope, mostOfOther] = [0, 0, 0];
    for (const [i, x] of values.entries()) {
      most = Math.max(most, Math.abs(found[i] - truth(x)));
      mostSlope = Math.max(mostSlope, Math.abs(slopes[i] - slope(x)));
      mostOfOther = Math.max(mostOfOther, Math.abs(found[i] - slope(x)));
    }
    expect(most).toBeLessThan(5e-7);
    expect(mostSlope).toBeLessThan(2e-6);
    expect(mostOfOther).toBeGreaterThan(1); // control
  },
);
