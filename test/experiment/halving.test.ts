// Successive halving: as long for every functional, and a chosen rate that others on both sides were worse than.

import { expect, test } from "vitest";
import type { RunData } from "../../src/experiment/data/held-out.ts";
import {
  chosenFor,
  judgeSearch,
  nextRound,
  type Round,
} from "../../src/experiment/search/rounds.ts";
import type { ExperimentSettings } from "../../src/experiment/settings.ts";

/** What a trial with such a rate comes to, and how long a pass takes it. */
interface Law {
  readonly tau: (rate: number) => number;
  readonly secondsAPass: number;
}

const settings = (seconds: number): ExperimentSettings => ({
  models: [
    { name: "unf", options: {} },
    { name: "stat-nn", options: {} },
  ],
  seeds: 1,
  seed: 3,
  split: [0.6, 0.2, 0.2],
  budget: { epochs: 30, batchSize: 8, rate: 3e-3 },
  tuning: { seconds, epochs: 18 },
});

const noData = () => ({ learning: {}, final: {} }) as RunData;

/** All rounds of a search whose trials come to what a law says of each functional. */
function search(given: ExperimentSettings, laws: Readonly<Record<string, Law>>): Round[] {
  const rounds: Round[] = [];
  for (;;) {
    const round = nextRound(given, noData, rounds);
    if (round.length === 0) return rounds;
    for (const { run, passes } of round) {
      const { name, seed, budget } = run.request;
      const { tau, secondsAPass } = laws[name];
      const validMetric = tau(budget.rate);
      const history = [{ epoch: 1, trainLoss: 1, validLoss: 1, validMetric }];
      run.finished = {
        model: name,
        seed,
        parameters: 1,
        bestEpoch: 1,
        history,
        predicted: [],
        moved: [],
        seconds: secondsAPass * passes,
      };
    }
    rounds.push(round);
  }
}

/** Highest at a rate, lower by the decades that another lies beside it. */
const peakAt = (best: number) => (rate: number) => 0.8 - 0.1 * Math.abs(Math.log10(rate / best));

const countOf = (rounds: readonly Round[], name: string) =>
  rounds.map((round) => round.filter(({ run }) => run.request.name === name).length);

test("a functional tries as many configurations as its time allows, and a third of them goes on", () => {
  const laws = {
    unf: { tau: peakAt(1e-3), secondsAPass: 4 },
    "stat-nn": { tau: peakAt(1e-3), secondsAPass: 1 },
  };
  const rounds = search(settings(216), laws);
  // A first trial has 2 of 18 passes: 8 and 2 seconds, of a third of 216.
  expect(countOf(rounds.slice(0, 4), "unf")).toEqual([1, 8, 3, 1]);
  expect(countOf(rounds.slice(0, 4), "stat-nn")).toEqual([1, 35, 12, 4]);
  expect(rounds.slice(0, 4).map(([{ passes }]) => passes)).toEqual([2, 2, 6, 18]);
  const secondsOf = (name: string) =>
    judgeSearch(settings(216), rounds.slice(0, 4))
      .filter(({ model }) => model === name)
      .reduce((sum, { seconds }) => sum + seconds, 0);
  for (const name of ["unf", "stat-nn"]) expect(Math.abs(secondsOf(name) - 216)).toBeLessThan(44);
  const half = search(settings(108), laws);
  expect(countOf(half.slice(0, 4), "stat-nn")).toEqual([1, 17, 6, 2]);
});

test("the chosen rate has lower and higher ones beside it, also where the best lies outside of what is drawn", () => {
  for (const best of [1e-5, 1e-3, 1]) {
    const laws = {
      unf: { tau: peakAt(best), secondsAPass: 1 },
      "stat-nn": { tau: peakAt(3e-3), secondsAPass: 1 },
    };
    const given = settings(90);
    const rounds = search(given, laws);
    const rows = judgeSearch(given, rounds).filter(({ model }) => model === "unf");
    const chosen = rows.find((row) => row.chosen);
    const { budget } = chosenFor(given, rounds, given.models[0]);
    expect(budget.rate).toBe(chosen?.rate);
    expect(budget.epochs).toBe(30);
    const longest = rows.filter(({ passes }) => passes === 18);
    expect(longest.some(({ rate }) => rate >= 2 * budget.rate)).toBe(true);
    expect(longest.some(({ rate }) => rate <= budget.rate / 2)).toBe(true);
    expect(Math.abs(Math.log10(budget.rate / best))).toBeLessThan(0.5);
    if (best === 1e-3) continue;
    // the rounds of halving alone end at an edge of what they tried
    const halved = judgeSearch(given, rounds.slice(0, 4)).filter(({ model }) => model === "unf");
    const { rate = 0 } = halved.find((row) => row.chosen) ?? {};
    const others = halved.filter(({ passes }) => passes === 18).map((row) => row.rate / rate);
    expect(others.every((ratio) => ratio > 0.5) || others.every((ratio) => ratio < 2)).toBe(true);
  }
});

test("a search is the same each time, and keys of its runs are distinct", () => {
  const laws = {
    unf: { tau: peakAt(1e-2), secondsAPass: 3 },
    "stat-nn": { tau: peakAt(1e-4), secondsAPass: 1 },
  };
  const keys = () =>
    search(settings(90), laws).flatMap((round) =>
      round.map(({ run: { key }, budget: { rate } }) => `${key} ${rate}`),
    );
  expect(keys()).toEqual(keys());
  const names = keys().map((key) => key.split(" ")[0]);
  expect(new Set(names).size).toBe(names.length);
});
