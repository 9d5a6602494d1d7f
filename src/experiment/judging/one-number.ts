// Baselines that order networks by one number each: the training step a network was kept at, its training loss, the norm of
// its weights. They are not trained; only whether more is better is read off the training networks.

import { sizeOf } from "../../core/shapes.ts";
import type { OneNumberRow } from "../../report/experiment.ts";
import type { WeightDataset } from "../../train/dataset.ts";
import { kendallTau } from "../../train/measures/kendall-tau.ts";
import { bootstrapTaus, testRunsOf } from "./compare-models.ts";
import { stageTau } from "./stage-tau.ts";
import { tauInterval } from "./uncertainty.ts";

/** [size], the root of the sum of squares of all weights of every network. */
function weightNorms({ tensors, size }: WeightDataset): number[] {
  return Array.from({ length: size }, (_, network) => {
    let squares = 0;
    for (const { shape, data } of Object.values(tensors)) {
      const entries = sizeOf(shape);
      for (let i = network * entries; i < (network + 1) * entries; i++) squares += data[i] ** 2;
    }
    return Math.sqrt(squares);
  });
}

/** Single numbers of every network by name; one that is undefined counts as infinitely large. */
function numbersOf(dataset: WeightDataset): Record<string, number[]> {
  const cues = Object.entries(dataset.cues ?? {}).map(
    ([name, values]) =>
      [name, values.map((value) => (Number.isNaN(value) ? Infinity : value))] as const,
  );
  return { ...Object.fromEntries(cues), "weight norm": weightNorms(dataset) };
}

/**
 * How well single numbers order the test networks, best first; the direction of each is that of its tau on the training networks. Raw
 * weights in; `seed` fixes the resampling behind intervals.
 */
export function oneNumberBaselines(
  train: WeightDataset,
  test: WeightDataset,
  seed: number,
): OneNumberRow[] {
  const known = numbersOf(train);
  const actual = Array.from(test.targets);
  const rows = Object.entries(numbersOf(test)).map(([number, values]): OneNumberRow => {
    const isHigher = !(kendallTau(known[number], train.targets) < 0);
    const predicted = isHigher ? values : values.map((value) => -value);
    const stage = stageTau(predicted, actual, test.stages);
    const untrained = { parameters: 0, bestEpoch: 0, history: [], moved: [], seconds: 0 };
    const job = { model: number, seed: 0, predicted, ...untrained };
    const targets = { actual, groups: test.groups };
    const resamples = bootstrapTaus([job], targets, seed).byModel.get(number) ?? [];
    const tau = kendallTau(predicted, actual);
    return {
      number,
      direction: isHigher ? "higher" : "lower",
      tau,
      tauInterval: tauInterval({ trainings: [tau], resamples, testRuns: testRunsOf(targets) }),
      ...(Number.isFinite(stage) && { stageTau: stage }),
    };
  });
  const rank = ({ tau }: OneNumberRow) => (Number.isNaN(tau) ? -2 : tau);
  return rows.toSorted((a, b) => rank(b) - rank(a));
}
