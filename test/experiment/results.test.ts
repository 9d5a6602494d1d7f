// From runs to rows, where a tau is undefined; runs that are told to stop before they start.

import { describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import {
  type FinishedJob,
  type JobRequest,
  type JobResult,
  runJob,
} from "../../src/experiment/job.ts";
import { jobThreadPool } from "../../src/node/threads/job-thread-pool.ts";
import { collectResults } from "../../src/experiment/results.ts";
import { specToJSON } from "../../src/symmetry/json.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { fitTarget } from "../../src/train/target.ts";

const actual = [0.1, 0.4, 0.6, 0.9];
const job = (model: string, predicted: number[]): FinishedJob => ({
  model,
  seed: 0,
  parameters: 1,
  bestEpoch: 1,
  history: [],
  predicted,
  moved: predicted,
  seconds: 1,
});

test("models without a tau come after the others, whatever the order they come in", () => {
  const constant = job("linear", [0.5, 0.5, 0.5, 0.5]);
  const also = job("stat-nn", [0.5, 0.5, 0.5, 0.5]);
  const good = job("unf", actual);
  const poor = job("deep-sets", [0.9, 0.6, 0.4, 0.1]);
  const order = (...jobs: FinishedJob[]) =>
    collectResults(jobs, { actual }).rows.map(({ model, tauMean }) => [model, tauMean]);
  for (const jobs of [
    [also, poor, good],
    [poor, also, good],
    [good, poor, also],
  ]) {
    expect(order(...jobs)).toEqual([
      ["unf", 1],
      ["deep-sets", -1],
      ["stat-nn", Number.NaN],
    ]);
  }
  expect(order(also, constant, good).map(([model]) => model)[0]).toBe("unf");
});

test("a run whose signal has aborted already does not start", async () => {
  const pool = jobThreadPool(1);
  const nothing = {} as JobRequest; // would fail in the worker
  expect(await pool.run(nothing, AbortSignal.abort(), () => undefined)).toEqual({});
  await pool.close();
});

test("trainings that diverged are counted, and nothing is said of them beside others", () => {
  const diverged = (model: string, seed: number) => ({
    ...job(model, []),
    seed,
    diverged: "the loss is NaN at step 1",
  });
  const { rows, comparisons, scatter } = collectResults(
    [
      { ...job("unf", actual), moves: { signs: actual } },
      { ...job("unf", actual), seed: 1, moves: { signs: actual } },
      { ...job("stat-nn", [0.1, 0.6, 0.4, 0.9]), seed: 0 },
      { ...job("stat-nn", [0.4, 0.1, 0.6, 0.9]), seed: 1 },
      diverged("magep", 0),
      diverged("magep", 1),
      { ...job("monomial", [0.9, 0.6, 0.4, 0.1]), seed: 0 },
      diverged("monomial", 1),
    ],
    { actual },
  );
  expect(
    rows.map(({ model, seeds, diverged: lost, tauMean }) => [
      model,
      seeds,
      lost,
      Math.round(3 * tauMean),
    ]),
  ).toEqual([
    ["unf", 2, undefined, 3],
    ["stat-nn", 2, undefined, 2],
    ["monomial", 1, 1, -3], // the one that ended
    ["magep", 0, 2, Number.NaN],
  ]);
  expect(rows.at(-1)?.moves).toEqual([{ move: "signs", tauMean: Number.NaN, tauStd: Number.NaN }]);
  expect(comparisons.map(({ model, other }) => [model, other])).toEqual([["unf", "stat-nn"]]);
  expect(new Set(scatter.map(({ model }) => model))).toEqual(
    new Set(["unf", "stat-nn", "monomial"]),
  );
});

test.each([
  ["loss stops being finite", "train", /expected a finite number/],
  ["loss on validation networks is not finite", "validation", /after none of 1 epochs/],
  ["predictions are not finite", "test", /not finite numbers in 8 of 8 values/],
] as const)("a run whose %s ends with a result that says so", async (_, enormous, message) => {
  const spec = mlpSpec([2, 3, 1]);
  const size = 8;
  const targets = new Float32Array(size).fill(0.5);
  const weights = (value: number) => {
    const tensors = Object.entries(spec.tensors).map(([name, { shape }]) => {
      const entries = size * shape.reduce((product, length) => product * length, 1);
      return [
        name,
        {
          shape: [...shape],
          data: Float32Array.from({ length: entries }, (_, i) => (i % 2 ? value : -value)),
        },
      ] as const;
    });
    return { size, tensors: Object.fromEntries(tensors), targets };
  };
  const part = (name: string) => weights(name === enormous ? 1e30 : 0.1);
  const target = fitTarget({ targets });
  const request: JobRequest = {
    name: "stat-nn",
    model: "stat-nn",
    options: {},
    seed: 0,
    notes: {},
    target,
    budget: { epochs: 1, batchSize: 4, rate: 1e-3 },
    spec: specToJSON(spec),
    train: part("train"),
    validation: part("validation"),
    test: part("test"),
  };
  const results = [];
  for await (const event of runJob(request, new AbortController().signal))
    if (event.type === "result") results.push(event.result);
  expect(results).toMatchObject([{ model: "stat-nn", predicted: [] }]);
  expect(results[0].diverged).toMatch(message);
});

describe("networks that products of weights make too large for a float32", () => {
  const spec = mlpSpec([2, 3, 1], { scale: "positive" });
  const size = 12;
  /** Networks of which the first few are enormous. */
  const networks = (seed: number, enormous: number, factor = 1e25) => {
    const random = randomStream(seed);
    const tensors = Object.entries(spec.tensors).map(([name, { shape }]) => {
      const entries = shape.reduce((product, length) => product * length, 1);
      const data = Float32Array.from(
        { length: size * entries },
        (_, i) => random.normal() * (Math.floor(i / entries) < enormous ? factor : 1),
      );
      return [name, { shape: [...shape], data }] as const;
    });
    const targets = Float32Array.from({ length: size }, () => random.uniform());
    return { size, tensors: Object.fromEntries(tensors), targets };
  };
  const run = async (model: string, [train, validation, test]: readonly number[]) => {
    const request: JobRequest = {
      name: model,
      model,
      options: {},
      seed: 0,
      notes: {},
      target: fitTarget({ targets: networks(1, 0).targets }),
      budget: { epochs: 2, batchSize: 4, rate: 1e-3 },
      spec: specToJSON(spec),
      train: networks(1, train),
      validation: networks(2, validation),
      test: networks(3, test),
      moved: networks(3, test),
    };
    const results: JobResult[] = [];
    for await (const event of runJob(request, new AbortController().signal))
      if (event.type === "result") results.push(event.result);
    return results[0];
  };

  test("are left out of what a functional learns from and said to be like the others, and counted", async () => {
    const { unread, diverged, predicted, moved } = await run("unf-products", [2, 1, 3]);
    expect(diverged).toBeUndefined();
    expect(unread).toBe(6);
    const others = predicted.slice(3).toSorted((a, b) => a - b);
    expect(predicted.slice(0, 3)).toEqual(Array(3).fill(others[Math.floor(others.length / 2)]));
    expect(moved).toEqual(predicted);
    expect(new Set(predicted).size).toBe(size - 3);
  });

  test("change nothing where there are none, and nothing of what is learned from the others", async () => {
    const plain = await run("unf-products", [0, 0, 0]);
    expect(plain).not.toHaveProperty("unread");
    const some = await run("unf-products", [0, 0, 3]);
    expect(some.predicted.slice(3)).toEqual(plain.predicted.slice(3));
    const learned = await run("unf-products", [2, 0, 0]); // control: other networks teach otherwise
    expect(learned.predicted).not.toEqual(plain.predicted);
  });

  test("end a training where there are no others", async () => {
    const { diverged } = await run("unf-products", [0, size, 0]);
    expect(diverged).toMatch(/more than a float32 holds for 12 of 24 networks/);
  });
});
