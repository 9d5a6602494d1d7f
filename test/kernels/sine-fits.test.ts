// Prints seeds where something differs: all streams begin at numbers that stand here.

import { describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import {
  numberAt,
  type NumberName,
  type SineFitShape,
} from "../../src/kernels/sine-fits/layout.ts";
import { sineCosineNumbers, writeWaves } from "../../src/kernels/sine-fits/sine-cosine.ts";
import type { SineFitTensors } from "../../src/kernels/sine-fits/arena.ts";
import { sineDrawKernel } from "../../src/kernels/sine-fits/draw-kernel.ts";
import { sineFitKernel } from "../../src/kernels/sine-fits/sine-fit-kernel.ts";
import { writeModule } from "../../src/kernels/wasm/assembler.ts";
import { hasFusedMultiplyAdd, multiplyAdd } from "../../src/kernels/wasm/fused-multiply-add.ts";

/** Both ways to round, where the machine has both. */
const roundings = hasFusedMultiplyAdd() ? [false, true] : [false];

const rule = { keep: 0.9, take: 0.1, adaptive: 1, decay: 1, secondDecay: 0.999, epsilon: 1e-8 };

/** Sines and cosines of numbers as the kernel has them; as many as four divide. */
function waves(
  numbers: Float32Array,
  fused: boolean,
): { sines: Float32Array; cosines: Float32Array } {
  const memory = new WebAssembly.Memory({ initial: 8 });
  const module = writeModule({ pages: 1 });
  const [at, apart] = [1024, 4 * numbers.length];
  module.func("waves", ["from", "end"], (writer) => writeWaves(writer, apart, multiplyAdd(fused)));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    host: { memory },
  });
  for (const [name, value] of Object.entries(sineCosineNumbers))
    new Float32Array(memory.buffer, numberAt(name as NumberName), 4).fill(value);
  const view = new Float32Array(memory.buffer, at, 2 * numbers.length);
  view.set(numbers);
  (exports["waves"] as (from: number, end: number) => void)(at, at + apart);
  return { sines: view.slice(0, numbers.length), cosines: view.slice(numbers.length) };
}

const furthest = (values: Float32Array, wanted: (i: number) => number): number =>
  values.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted(i))), 0);

describe.each(roundings)("sines and cosines, fused %s", (fused) => {
  test.each([4, 100, 1000])("are within a few units of the last digit up to %d", (limit) => {
    const random = randomStream(limit);
    const numbers = Float32Array.from({ length: 40_000 }, () => limit * (2 * random.uniform() - 1));
    const { sines, cosines } = waves(numbers, fused);
    expect(furthest(sines, (i) => Math.sin(numbers[i]))).toBeLessThan(2.5e-7);
    expect(furthest(cosines, (i) => Math.cos(numbers[i]))).toBeLessThan(2.5e-7);
    expect(furthest(sines, (i) => Math.sin(numbers[i] + 1e-6))).toBeGreaterThan(5e-7); // control
  });

  test("at multiples of half pi, and of what is no number", () => {
    const numbers = Float32Array.from({ length: 400 }, (_, i) => ((i - 200) * Math.PI) / 2);
    const { sines, cosines } = waves(numbers, fused);
    expect(furthest(sines, (i) => Math.sin(numbers[i]))).toBeLessThan(2.5e-7);
    expect(furthest(cosines, (i) => Math.cos(numbers[i]))).toBeLessThan(2.5e-7);
    expect(waves(Float32Array.of(Number.NaN, 0, 0, 0), fused).sines[0]).toBeNaN();
  });
});

/** A network with biases that are not 0. */
function network({ inputs, hidden, omega }: SineFitShape, seed: number): SineFitTensors {
  const random = randomStream(seed);
  const draw = (count: number, limit: number) =>
    Float32Array.from({ length: count }, () => limit * (2 * random.uniform() - 1));
  return {
    into: draw(inputs * hidden, 1 / inputs),
    intoBias: draw(hidden, 0.1),
    across: draw(hidden * hidden, Math.sqrt(6 / hidden) / omega),
    acrossBias: draw(hidden, 0.02),
    out: draw(hidden, Math.sqrt(6 / hidden) / omega),
    outBias: draw(1, 0.3),
  };
}

function examplesOf({ inputs }: SineFitShape, count: number, seed: number) {
  const random = randomStream(seed);
  const draw = (size: number) =>
    Float32Array.from({ length: size }, () => 2 * random.uniform() - 1);
  return { places: draw(count * inputs), values: draw(count) };
}

/** Gradients of the mean of squared errors, from the definition, in float64. */
function gradientsOf(
  { inputs, hidden, omega }: SineFitShape,
  weights: SineFitTensors,
  { places, values }: ReturnType<typeof examplesOf>,
  batch: readonly number[],
): Record<keyof SineFitTensors, number[]> {
  const zeros = (size: number) => Array.from({ length: size }, () => 0);
  const sums = {
    into: zeros(inputs * hidden),
    intoBias: zeros(hidden),
    across: zeros(hidden * hidden),
    acrossBias: zeros(hidden),
    out: zeros(hidden),
    outBias: zeros(1),
  };
  const layer = (weight: Float32Array, bias: Float32Array, x: readonly number[]) =>
    zeros(hidden).map((_, u) =>
      x.reduce((sum, value, k) => sum + omega * weight[u * x.length + k] * value, omega * bias[u]),
    );
  for (const example of batch) {
    const x = [...places.subarray(example * inputs, (example + 1) * inputs)];
    const first = layer(weights.into, weights.intoBias, x);
    const second = layer(weights.across, weights.acrossBias, first.map(Math.sin));
    const drawn = second.reduce(
      (sum, value, u) => sum + Math.sin(value) * weights.out[u],
      weights.outBias[0],
    );
    const error = (2 * (drawn - values[example])) / batch.length;
    sums.outBias[0] += error;
    const back = zeros(hidden);
    for (let u = 0; u < hidden; u++) {
      sums.out[u] += error * Math.sin(second[u]);
      const share = error * weights.out[u] * omega * Math.cos(second[u]);
      sums.acrossBias[u] += share;
      for (let k = 0; k < hidden; k++) {
        sums.across[u * hidden + k] += share * Math.sin(first[k]);
        back[k] += share * weights.across[u * hidden + k];
      }
    }
    for (let k = 0; k < hidden; k++) {
      const share = back[k] * omega * Math.cos(first[k]);
      sums.intoBias[k] += share;
      for (let i = 0; i < inputs; i++) sums.into[k * inputs + i] += share * x[i];
    }
  }
  return sums;
}

const shapes: readonly [SineFitShape, number][] = [
  [{ inputs: 2, hidden: 32, omega: 30 }, 392],
  [{ inputs: 2, hidden: 32, omega: 30 }, 61],
  [{ inputs: 2, hidden: 32, omega: 30 }, 1],
  [{ inputs: 1, hidden: 8, omega: 10 }, 64],
  [{ inputs: 3, hidden: 12, omega: 20 }, 900],
];

describe.each(roundings)("gradients, fused %s", (fused) => {
  test.each(shapes)("of networks %j on %d examples are those of the definition", (shape, batch) => {
    const weights = network(shape, 3);
    const examples = examplesOf(shape, 500, 4);
    const kernel = sineFitKernel(shape, batch, { fused });
    kernel.begin(weights, examples, rule);
    const random = randomStream(5);
    const chosen = Array.from({ length: batch }, () => random.integer(500));
    const wanted = gradientsOf(shape, weights, examples, chosen);
    const others = gradientsOf(shape, weights, examples, [...chosen.slice(1), chosen[0] + 1]);
    const found = kernel.gradients(chosen);
    const apart = (of: ReturnType<typeof gradientsOf>) =>
      Object.entries(of).map(([name, values]) => {
        const most = Math.max(...values.map(Math.abs));
        return furthest(found[name as keyof SineFitTensors], (i) => values[i]) / most;
      });
    expect(Math.max(...apart(wanted))).toBeLessThan(1e-5);
    expect(Math.max(...apart(others))).toBeGreaterThan(1e-4); // control
  });
});

test("a kernel that has fitted other networks fits as a fresh one, bit for bit, in calls of any length", () => {
  const [[shape, batch]] = shapes;
  const fitted = (
    kernel: ReturnType<typeof sineFitKernel>,
    count: number,
    calls: readonly number[],
  ) => {
    kernel.begin(network(shape, 7), examplesOf(shape, count, 8), rule);
    const random = randomStream(9);
    for (const steps of calls)
      kernel.step(
        Array.from({ length: steps }, () => 1e-3),
        () => random.integer(count),
      );
    return kernel.weights();
  };
  const used = sineFitKernel(shape, batch);
  const first = fitted(used, 700, [40]);
  expect(fitted(used, 100, [40])).not.toEqual(first); // control
  expect(fitted(used, 700, [1, 33, 6])).toEqual(first);
  expect(fitted(sineFitKernel(shape, batch), 700, [40])).toEqual(first);
});

describe.each(roundings)("drawing, fused %s", (fused) => {
  test.each(shapes)("%j at %i places: what networks draw, and its gradients", (shape, count) => {
    const weights = network(shape, 5);
    const { places, values } = examplesOf(shape, count, 6);
    const kernel = sineDrawKernel(shape, places, { fused });
    const nothing = new Float32Array(count);
    const drawn = kernel.draw(weights);
    for (let i = 0; i < count; i++) {
      const { outBias } = gradientsOf(shape, weights, { places, values: nothing }, [i]);
      expect(Math.abs(drawn[i] - outBias[0] / 2)).toBeLessThan(2e-5);
    }
    const given = values.map((value) => (2 * value) / count);
    const wanted = drawn.map((value, i) => value - values[i]); // errors are the gradients given
    const all = [...values.keys()];
    const expected = gradientsOf(shape, weights, { places, values: wanted }, all);
    const made = kernel.pullBack(weights, drawn, given);
    for (const [name, exact] of Object.entries(expected)) {
      const largest = Math.max(...exact.map(Math.abs));
      const found = made[name as keyof SineFitTensors];
      for (const [i, value] of exact.entries())
        expect(Math.abs(found[i] - value), name).toBeLessThan(2e-4 * largest + 1e-9);
    }
    expect(kernel.draw(weights)).toEqual(drawn); // the passes leave nothing behind
    const other = kernel.draw(network(shape, 7));
    expect(Math.max(...other.map((value, i) => Math.abs(value - drawn[i])))).toBeGreaterThan(0.01);
  });
});

test("networks that it cannot fit are refused", () => {
  expect(() => sineFitKernel({ inputs: 2, hidden: 30, omega: 30 }, 8)).toThrow(
    /2 inputs and 30 units a layer, expected .* a multiple of 4 units; use backend "engine"/,
  );
});
