// Intervals and pairs: what resampling may and may not say about differences between models.

import { describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { bootstrapTaus, compareModels } from "../../src/experiment/judging/compare-models.ts";
import type { FinishedJob } from "../../src/experiment/job.ts";
import { meanAndStd } from "../../src/train/measures/metrics.ts";

const size = 120;
const stream = randomStream(11);
const actual = Array.from({ length: size }, () => stream.uniform());
const seeds = [5, 6, 7];
/** Runs of a model that sees the truth through noise, its own in every seed. */
const runs = (model: string, noise: number): FinishedJob[] =>
  seeds.map((seed) => {
    const predicted = actual.map((value) => value + noise * stream.normal());
    const rest = { parameters: 1, bestEpoch: 1, history: [], moved: predicted, seconds: 1 };
    return { model, seed, predicted, ...rest };
  });
const good = runs("good", 0.05);
const same = runs("same", 0.05);
const poor = runs("poor", 0.5);
const jobs = [...good, ...same, ...poor];
const samples = bootstrapTaus(jobs, { actual }, 3);
const pairs = compareModels(["good", "same", "poor"], jobs, { actual }, samples);
const pair = (model: string, other: string) =>
  pairs.find((each) => each.model === model && each.other === other);

describe("pairs of models", () => {
  test("a clear difference has an interval above 0 and wins in every seed", () => {
    expect(pair("good", "poor")).toMatchObject({ wins: 3, seeds: 3 });
    const [low, high] = pair("good", "poor")?.interval ?? [];
    expect(low).toBeGreaterThan(0.1);
    expect(pair("good", "poor")?.difference).toBeGreaterThan(low ?? 0);
    expect(pair("good", "poor")?.difference).toBeLessThan(high ?? 0);
  });

  test("models of one quality have an interval around 0 (control)", () => {
    const [low = 0, high = 0] = pair("good", "same")?.interval ?? [];
    expect(low).toBeLessThan(0);
    expect(high).toBeGreaterThan(0);
  });

  test("p values are corrected for the number of pairs, and small where intervals lie above 0", () => {
    const clear = pair("good", "poor");
    expect(clear?.adjustedP).toBeLessThan(0.05);
    expect(clear?.adjustedP).toBeGreaterThan(clear?.p ?? 1); // three pairs
    expect(pair("good", "same")?.adjustedP).toBeGreaterThan(0.05); // control
  });

  test("are the same for the same seed", () => {
    const again = bootstrapTaus(jobs, { actual }, 3);
    expect(again.byModel).toEqual(samples.byModel);
    expect(bootstrapTaus(jobs, { actual }, 4).byModel).not.toEqual(samples.byModel);
  });
});

test("checkpoints of one run are drawn together: fewer runs, wider intervals", () => {
  // Ten copies of every twelfth network: ten times the networks, no more to learn from them.
  const chosen = Array.from({ length: 12 }, (_, i) => i);
  const groups = Array.from({ length: size }, (_, i) => i % 12);
  const copied = good.map((job) => ({
    ...job,
    predicted: groups.map((i) => job.predicted[chosen[i]]),
  }));
  const truth = groups.map((i) => actual[chosen[i]]);
  const width = (given: readonly number[] | undefined) => {
    const { byModel } = bootstrapTaus(copied, { actual: truth, groups: given }, 1);
    return meanAndStd(byModel.get("good") ?? []).std;
  };
  expect(width(groups)).toBeGreaterThan(2 * width(undefined));
});
