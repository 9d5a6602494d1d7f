// How sure differences between functionals are: seed by seed on the same test networks, and by bootstrap over the runs
// of the population that the test networks come from (Efron 1979); all pairs of a table are judged together.

import { deriveSeed, randomStream } from "../../core/random.ts";
import type { PairedComparison } from "../../report/experiment.ts";
import { kendallTau } from "../../train/measures/kendall-tau.ts";
import { meanAndStd } from "../../train/measures/metrics.ts";
import type { FinishedJob } from "../job.ts";
import { estimate, holm, tauInterval } from "./uncertainty.ts";

/** The true targets of the test networks, and the run each comes from. */
export interface TestTargets {
  readonly actual: readonly number[];
  /** @default every network is a run of its own */
  readonly groups?: readonly number[] | undefined;
  /** Which stage of its run each is. @default all of one stage */
  readonly stages?: readonly number[] | undefined;
}

const maxResamples = 1000;
const minResamples = 100;
/** Predictions ranked in all, which takes some ten seconds. */
const maxWork = 1e8;

export interface TauSamples {
  /** Per model: mean over its seeds of tau on every resample. */
  readonly byModel: ReadonlyMap<string, Float64Array>;
}

/** Test networks drawn again with replacement, run by run, as lists of positions. */
function* resamples({ actual, groups }: TestTargets, count: number, seed: number) {
  const runs = new Map<number, number[]>();
  for (let i = 0; i < actual.length; i++) {
    const run = groups?.[i] ?? i;
    runs.set(run, [...(runs.get(run) ?? []), i]);
  }
  const lists = [...runs.values()];
  const stream = randomStream(deriveSeed(seed, "bootstrap"));
  for (let i = 0; i < count; i++) {
    yield lists.flatMap(() => lists[stream.integer(lists.length)]);
  }
}

/** Mean tau of every model on the same resamples. */
export function bootstrapTaus(
  jobs: readonly FinishedJob[],
  test: TestTargets,
  seed: number,
): TauSamples {
  const work = jobs.length * test.actual.length;
  const count = Math.max(
    minResamples,
    Math.min(maxResamples, Math.floor(maxWork / Math.max(1, work))),
  );
  const names = [...new Set(jobs.map(({ model }) => model))];
  const byModel = new Map(names.map((name) => [name, new Float64Array(count)]));
  let at = 0;
  for (const positions of resamples(test, count, seed)) {
    const actual = positions.map((i) => test.actual[i]);
    for (const name of names) {
      const taus = jobs
        .filter(({ model }) => model === name)
        .map(({ predicted }) =>
          kendallTau(
            positions.map((i) => predicted[i]),
            actual,
          ),
        );
      (byModel.get(name) as Float64Array)[at] = meanAndStd(taus).mean;
    }
    at++;
  }
  return { byModel };
}

/** How many runs test networks come from. */
export const testRunsOf = ({ actual, groups }: TestTargets): number =>
  groups === undefined ? actual.length : new Set(groups).size;

/** Every pair of models, the one with the higher mean tau first; in the order of `names`, best first. */
export function compareModels(
  names: readonly string[],
  jobs: readonly FinishedJob[],
  test: TestTargets,
  { byModel }: TauSamples,
): PairedComparison[] {
  const tausOf = (name: string) =>
    new Map(
      jobs
        .filter(({ model }) => model === name)
        .map(({ seed, predicted }) => [seed, kendallTau(predicted, test.actual)]),
    );
  const testRuns = testRunsOf(test);
  const pairs = names.flatMap((model, i) =>
    names.slice(i + 1).map((other) => {
      const [taus, others] = [tausOf(model), tausOf(other)];
      const trainings = [...taus].map(([seed, tau]) => tau - (others.get(seed) ?? Number.NaN));
      const [a, b] = [byModel.get(model) ?? [], byModel.get(other) ?? []];
      const resamples = Array.from(a, (tau, n) => tau - b[n]);
      const measured = { trainings, resamples, testRuns };
      const { p } = estimate(measured);
      const { mean, std } = meanAndStd(trainings);
      return {
        model,
        other,
        difference: mean,
        std,
        interval: tauInterval(measured, 2),
        p,
        wins: trainings.filter((difference) => difference > 0).length,
        seeds: trainings.length,
      };
    }),
  );
  const adjusted = holm(pairs.map(({ p }) => p));
  return pairs.map((pair, i): PairedComparison => ({ ...pair, adjustedP: adjusted[i] }));
}
