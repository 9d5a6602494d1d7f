// Intervals and p values of means over trainings and test runs.

import { describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { estimate, holm, tauInterval } from "../../src/experiment/judging/uncertainty.ts";
import { studentQuantile, studentTails } from "../../src/train/measures/student-t.ts";

describe("Student's t", () => {
  test.each([
    [1, 12.7062047],
    [2, 4.3026527],
    [4, 2.7764451],
    [30, 2.0422725],
    [400, 1.9659123],
  ])("with %d degrees of freedom has its tabled quantile", (degrees, quantile) => {
    expect(studentQuantile(0.05, degrees)).toBeCloseTo(quantile, 5);
    expect(studentTails(quantile, degrees)).toBeCloseTo(0.05, 7);
    expect(studentTails(0, degrees)).toBeCloseTo(1, 12);
  });
  test("with one degree is Cauchy's, between whole degrees lies between them", () => {
    expect(studentTails(1, 1)).toBeCloseTo(0.5, 10);
    const [less, between, more] = [3, 3.4, 4].map((degrees) => studentQuantile(0.05, degrees));
    expect(less).toBeGreaterThan(between);
    expect(between).toBeGreaterThan(more);
  });
});

/** Means of measurements whose truth is 0, from test runs and trainings that vary; the share of intervals that hold it. */
function coverage(ofRuns: number, ofTrainings: number, trainings: number, seen: boolean): number {
  const random = randomStream(7);
  const [repeats, testRuns] = [2000, 100];
  let held = 0;
  for (let i = 0; i < repeats; i++) {
    const shift = ofRuns * random.normal(); // what these test runs add to every training
    const taus = Array.from({ length: trainings }, () => shift + ofTrainings * random.normal());
    const mean = taus.reduce((sum, tau) => sum + tau, 0) / trainings;
    const resamples = Array.from({ length: 200 }, () => mean + ofRuns * random.normal());
    const [low, high] = estimate({
      trainings: seen ? taus : [mean],
      resamples,
      testRuns,
    }).interval;
    if (low <= 0 && 0 <= high) held++;
  }
  return held / repeats;
}

describe("intervals", () => {
  test.each([
    [1, 0.2, 3],
    [1, 1, 3],
    [0.3, 1, 5],
  ])(
    "hold the truth 19 times of 20: test runs vary by %d, trainings by %d, %d trainings",
    (ofRuns, ofTrainings, trainings) => {
      const share = coverage(ofRuns, ofTrainings, trainings, true);
      expect(share).toBeGreaterThan(0.93);
      expect(share).toBeLessThan(0.985);
    },
  );
  test("are too short where trainings are not counted (control)", () => {
    expect(coverage(0.3, 1, 5, false)).toBeLessThan(0.85);
  });
  test("shrink to the mean where nothing varies; a mean that is undefined has none", () => {
    const flat = { resamples: [0, 0], testRuns: 2 };
    expect(estimate({ ...flat, trainings: [0, 0] })).toEqual({ mean: 0, interval: [0, 0], p: 1 });
    expect(estimate({ ...flat, trainings: [Number.NaN] }).interval).toEqual([NaN, NaN]);
  });
});

describe("corrected p values", () => {
  test("are those of Holm's worked order, never above 1, never falling", () => {
    expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02]);
    expect(holm([0.9, 0.8])).toEqual([1, 1]);
    expect(holm([0.04])).toEqual([0.04]); // control: one comparison is not corrected
  });
  test("those that are undefined do not count", () => {
    expect(holm([0.03, Number.NaN])).toEqual([0.03, Number.NaN]);
    expect(holm([])).toEqual([]);
  });
  test("find something in 5 of 100 tables without differences, where uncorrected ones find it in 40", () => {
    const random = randomStream(3);
    const share = (adjust: (values: readonly number[]) => readonly number[]) => {
      let found = 0;
      for (let i = 0; i < 2000; i++) {
        const values = Array.from({ length: 10 }, () => random.uniform());
        if (Math.min(...adjust(values)) < 0.05) found++;
      }
      return found / 2000;
    };
    expect(share(holm)).toBeLessThan(0.07);
    expect(share((values) => values)).toBeGreaterThan(0.35);
  });
});

test("an interval of tau stays where tau can be, one of a difference within twice that", () => {
  const wild = { trainings: [0.9, 0.1], resamples: [0.4, 0.5, 0.6], testRuns: 12 };
  const [low, high] = estimate(wild).interval;
  expect(low).toBeLessThan(-2);
  expect(high).toBeGreaterThan(2);
  expect(tauInterval(wild)).toEqual([-1, 1]);
  expect(tauInterval(wild, 2)).toEqual([-2, 2]);
  const calm = { trainings: [0.5, 0.52, 0.49], resamples: [0.49, 0.5, 0.51], testRuns: 300 };
  expect(tauInterval(calm)).toEqual(estimate(calm).interval);
  expect(tauInterval({ ...calm, trainings: [Number.NaN] }).every(Number.isNaN)).toBe(true);
});
