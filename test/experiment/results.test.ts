// From runs to rows, where a tau is undefined; runs that are told to stop before they start.

import { expect, test } from "vitest";
import { type FinishedJob, type JobRequest, runJob } from "../../src/experiment/job.ts";
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
