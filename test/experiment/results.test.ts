// From runs to rows, where a tau is undefined; runs that are told to stop before they start.

import { expect, test } from "vitest";
import type { FinishedJob, JobRequest } from "../../src/experiment/job.ts";
import { jobThreadPool } from "../../src/node/threads/job-thread-pool.ts";
import { collectResults } from "../../src/experiment/results.ts";

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
