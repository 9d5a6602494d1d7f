// A made-up experiment result of realistic size: what a report is tested and looked at with.

import { randomStream } from "../../../src/core/random.ts";
import type { ExperimentResult } from "../../../src/report/experiment.ts";

const models = [
  { model: "unf", parameters: 61_425, seconds: 41.2, level: 0.93, noise: 0.03, moves: 0 },
  { model: "nfn", parameters: 58_113, seconds: 33.8, level: 0.92, noise: 0.035, moves: 0 },
  { model: "deep-sets", parameters: 21_889, seconds: 8.1, level: 0.85, noise: 0.07, moves: 0 },
  { model: "stat-nn", parameters: 18_433, seconds: 2.4, level: 0.88, noise: 0.06, moves: 0 },
  { model: "linear-statistics", parameters: 29, seconds: 0.6, level: 0.81, noise: 0.09, moves: 0 },
  { model: "flat-mlp", parameters: 158_721, seconds: 6.9, level: 0.72, noise: 0.12, moves: 0.25 },
];
const seeds = [0, 1, 2];

/** The same for the same seed. */
export function sampleExperiment(seed = 0): ExperimentResult {
  const stream = randomStream(seed);
  const accuracies = Array.from({ length: 1200 }, () => {
    const bulk = 0.98 - 0.12 * Math.abs(stream.normal());
    return Math.max(0.08, stream.uniform() < 0.3 ? 0.1 + 0.8 * stream.uniform() : bulk);
  });
  const clamp = (value: number) => Math.min(0.999, Math.max(0.02, value));
  return {
    title: "Predicting accuracy from weights: 1,200 digit classifiers",
    command: "npx weightspace demo --seed 0 --networks 1200",
    machine: "2 cores, Node v20.20.2, linux x64",
    seed,
    population: {
      networks: 1200,
      accuracies,
      description: "64-32-10 ReLU classifiers of 8x8 digits",
      train: 840,
      validation: 120,
      test: 240,
    },
    rows: models.map(({ model, parameters, seconds, level, moves }) => ({
      model,
      parameters,
      seconds,
      tauMean: level,
      tauStd: 0.004 + 0.05 * (1 - level),
      tauMovedMean: moves > 0 ? 0.09 : level,
      tauMovedStd: moves > 0 ? 0.03 : 0.004 + 0.05 * (1 - level),
      maxPredictionChange: moves > 0 ? 0.61 : 3.6e-7,
      agreement: moves > 0 ? 0.31 : 1,
      r2Mean: level ** 1.2,
      r2Std: 0.01,
      seeds: seeds.length,
    })),
    scatter: models.flatMap(({ model, noise, moves }) =>
      accuracies.slice(0, 240).map((actual) => {
        const predicted = clamp(actual + noise * stream.normal());
        const moved = moves > 0 ? clamp(predicted + moves * stream.normal()) : predicted;
        return { model, predicted, actual, moved };
      }),
    ),
    curves: models.flatMap(({ model, level }, m) =>
      seeds.map((curveSeed) => ({
        model,
        seed: curveSeed,
        epochs: Array.from({ length: 40 - 3 * m }, (_, i) => ({
          epoch: i + 1,
          trainLoss: 0.3 + 0.4 * Math.exp(-i / 6),
          validTau: level * (1 - Math.exp(-(i + 2) / 5)) + 0.012 * stream.normal(),
        })),
      })),
    ),
  };
}
