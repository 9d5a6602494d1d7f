import { grad, jit, numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { FormatError } from "../../src/core/errors.ts";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { startEngine } from "../../src/engine/start.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import type { WeightBatch } from "../../src/models/model.ts";
import { parseDigits } from "../../src/datasets/digits-data.ts";
import { gunzip } from "../../src/formats/archives/gzip.ts";
import { digitsTasks } from "../../src/tasks/digits.ts";
import { digitsSpec } from "../support/digits-spec.ts";
import { readPackageData } from "../../src/node/package-data.ts";
import type { ClassifierTask } from "../../src/tasks/classifier.ts";

let bytes: Uint8Array;
let task: ClassifierTask;
beforeAll(async () => {
  await startEngine();
  bytes = await readPackageData("uci-digits.csv.gz");
  task = await digitsTasks.digits.create(bytes);
});

describe("the data", () => {
  test("1,200 images to learn from, 597 to test, pixels in [0, 1], every digit in both", () => {
    expect([task.train.count, task.test.count]).toEqual([1200, 597]);
    for (const { inputs, labels, count } of [task.train, task.test]) {
      expect(inputs).toHaveLength(count * 64);
      expect(Math.min(...inputs)).toBe(0);
      expect(Math.max(...inputs)).toBe(1);
      expect(new Set(labels).size).toBe(10);
    }
  });

  test("gzipped and plain files give the same images, and the split never changes", async () => {
    const again = await parseDigits(gunzip(bytes, "digits"));
    expect(again.train).toEqual(task.train);
    expect([...task.test.labels.subarray(0, 8)]).toEqual([...again.test.labels.subarray(0, 8)]);
  });

  test("damaged files are refused with the line", async () => {
    const lines = new TextDecoder().decode(gunzip(bytes, "digits")).split("\n");
    const broken = (line: string) =>
      parseDigits(new TextEncoder().encode([lines[0], line, ...lines.slice(2)].join("\n")));
    await expect(broken("1,2,3")).rejects.toThrow(/line 2 must hold 64 pixels/);
    await expect(broken(lines[1].replace(/^\d+/, "17"))).rejects.toThrow(FormatError);
    await expect(broken(lines[1].replace(/\d+$/, "10"))).rejects.toThrow(FormatError);
    await expect(broken(lines[1].replace(/^\d+/, ""))).rejects.toThrow(FormatError);
    await expect(parseDigits(new Uint8Array(0))).rejects.toThrow(/more than 1200 lines/);
    await expect(parseDigits(bytes.subarray(0, 1000))).rejects.toThrow(
      /does not unpack|unpacks to|claims/,
    );
  });
});

const networks = 3;
const batch = 20;

/** Random weights with biases, inputs and one-hot targets for three networks. */
function example(seed: number) {
  const random = randomStream(seed);
  const fill = (shape: readonly number[], draw: () => number) =>
    np.array(Float32Array.from({ length: sizeOf(shape) }, draw), { shape: [...shape] });
  const weights = Object.fromEntries(
    Object.entries(digitsSpec.tensors).map(([name, { shape }]) => [
      name,
      fill([networks, ...shape], () => 0.3 * random.normal()),
    ]),
  );
  const inputs = fill([networks, batch, 64], () => random.uniform());
  const hot = new Float32Array(networks * 10 * batch);
  for (let n = 0; n < networks; n++)
    for (let b = 0; b < batch; b++) hot[(n * 10 + random.integer(10)) * batch + b] = 1;
  const targets = np.array(hot, { shape: [networks, 10, batch] });
  return { weights, inputs, targets };
}

test("the written-out gradients are those of automatic differentiation", async () => {
  const { weights, inputs, targets } = example(3);
  const keep = () => Object.fromEntries(Object.entries(weights).map(([k, v]) => [k, v.ref]));
  const total = (w: WeightBatch, x: np.Array, y: np.Array) =>
    np.sum(task.loss(w, { inputs: x, targets: y }));
  const automatic = jit(grad(total))(keep(), inputs.ref, targets.ref) as WeightBatch;
  const written = task.gradients(weights, { inputs, targets });
  for (const name of Object.keys(digitsSpec.tensors)) {
    const [a, b] = [await automatic[name].data(), await written[name].data()];
    const size = Math.max(...a.map(Math.abs));
    const error = Math.max(...a.map((value, i) => Math.abs(value - b[i])));
    expect(size).toBeGreaterThan(1e-3);
    expect(error / size).toBeLessThan(1e-5);
  }
});

test("the loss of equal scores is log 10", async () => {
  const { weights, inputs, targets } = example(4);
  const zero = Object.fromEntries(
    Object.entries(weights).map(([name, w]) => [name, np.multiply(w, 0)]),
  );
  for (const value of await task.loss(zero, { inputs, targets }).data()) {
    expect(value).toBeCloseTo(Math.log(10), 5);
  }
});

/** Scores [10, 597] of one network on the test images. */
async function scores(weights: Weights): Promise<Float32Array> {
  const batch = Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => [
      name,
      np.array(Float32Array.from(data), { shape: [1, ...shape] }),
    ]),
  );
  const inputs = np.array(task.test.inputs, { shape: [1, task.test.count, 64] });
  return (await task.logits(batch, inputs).data()) as Float32Array;
}

test("the spec's group leaves the network's outputs unchanged, and moving one tensor alone does not", async () => {
  const weights = task.init(randomStream(8), 1);
  const before = await scores(weights);
  const moved = actOn(digitsSpec, sampleElement(digitsSpec, 5), weights);
  const size = Math.max(...before.map(Math.abs));
  const change = (after: Float32Array) =>
    Math.max(...after.map((value, i) => Math.abs(value - before[i]))) / size;
  expect(change(await scores(moved))).toBeLessThan(1e-5);
  const half = { ...weights, "fc1.weight": moved["fc1.weight"] };
  expect(change(await scores(half))).toBeGreaterThan(0.1);
});
