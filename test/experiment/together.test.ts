// Functionals whose predictions are averaged: training by training, and never without one of them.

import { expect, test } from "vitest";
import { checkTogether, togetherJobs } from "../../src/experiment/judging/together.ts";
import type { FinishedJob } from "../../src/experiment/job.ts";
import { collectResults } from "../../src/experiment/results.ts";

const job = (model: string, seed: number, predicted: number[], more = {}): FinishedJob => ({
  model,
  seed,
  parameters: 10,
  bestEpoch: 1,
  history: [],
  predicted,
  moved: predicted.map((value) => value + 0.01),
  seconds: 2,
  ...more,
});

const group = ["a", "b"];

test("the mean of trainings of one seed, their parameters and seconds added", () => {
  const jobs = [
    job("a", 1, [0, 0.5]),
    job("a", 2, [0, 1]),
    job("b", 2, [0.5, 0]),
    job("b", 1, [1, 1]),
  ];
  const [first, second, ...rest] = togetherJobs([group], jobs);
  expect(rest).toEqual([]);
  expect(first).toMatchObject({ model: "a + b", seed: 1, predicted: [0.5, 0.75], parameters: 20 });
  expect(first.moved[0]).toBeCloseTo(0.51, 12);
  expect(second).toMatchObject({ seed: 2, predicted: [0.25, 0.5], seconds: 4 });
  expect(togetherJobs([["a", "c"]], jobs)).toEqual([]); // control: without one of them there is none
});

test("where one diverged, so has the mean", () => {
  const diverged = job("b", 1, [], { diverged: "its loss was no number", moved: [] });
  const jobs = [job("a", 1, [0, 1]), diverged, job("a", 2, [0, 1]), job("b", 2, [0, 1])];
  const [lost, kept] = togetherJobs([group], jobs);
  expect(lost).toMatchObject({ diverged: "its loss was no number", predicted: [] });
  expect(kept.diverged).toBeUndefined();
  const { rows } = collectResults([...jobs, lost, kept], { actual: [0, 1] });
  expect(rows.find(({ model }) => model === "a + b")).toMatchObject({ seeds: 1, diverged: 1 });
});

test("unread networks and moves go along", () => {
  const moves = (value: number) => ({ moves: { signs: [value, value] } });
  const jobs = [job("a", 1, [0, 1], { ...moves(0), unread: 3 }), job("b", 1, [0, 1], moves(1))];
  expect(togetherJobs([group], jobs)[0]).toMatchObject({ unread: 3, moves: { signs: [0.5, 0.5] } });
});

test("errors of different kinds cancel out, equal ones do not", () => {
  const actual = Array.from({ length: 40 }, (_, i) => i);
  const noise = (phase: number) => actual.map((value, i) => value + 9 * Math.sin(2.3 * i + phase));
  const tauOf = (other: number[]) => {
    const jobs = [job("a", 1, noise(0)), job("b", 1, other)];
    const { rows } = collectResults([...jobs, ...togetherJobs([group], jobs)], { actual });
    const [together, single] = ["a + b", "a"].map(
      (name) => rows.find(({ model }) => model === name)?.tauMean ?? Number.NaN,
    );
    return together - single;
  };
  expect(tauOf(noise(Math.PI))).toBeGreaterThan(0.2);
  expect(tauOf(noise(0))).toBe(0); // control
});

test("what cannot be averaged is refused by name", () => {
  const known = ["unf", "stat-nn", "linear"];
  const check =
    (...groups: string[][]) =>
    () =>
      checkTogether(groups, known);
  expect(check(["unf", "stat-n"])).toThrow(/"stat-n".*stat-nn/);
  expect(check(["unf"])).toThrow(/"unf" expected two or more different models/);
  expect(check(["unf", "unf"])).toThrow(/two or more different/);
  expect(check(["unf", "linear"], ["linear", "unf"])).toThrow(
    /"linear \+ unf" is to be averaged twice/,
  );
  expect(check(["unf", "linear"], ["linear", "unf", "stat-nn"])).not.toThrow();
});
