// Gradient estimates of an inner problem whose full-horizon gradient is known: gradient descent with a learned rate and a learned push on
// a quadratic.

import { describe, expect, test } from "vitest";
import {
  addEstimate,
  checkEstimator,
  type EpisodeTime,
  type EstimatorName,
  noiseAt,
  noiseSums,
  objectiveDifference,
} from "../../../src/optimizers/meta/estimator.ts";
import {
  endsWith,
  type Episode,
  episodeAfter,
  episodeLength,
  firstEpisodes,
  timeOf,
} from "../../../src/optimizers/meta/episodes.ts";

const curvature = [1, 0.3];
const theta = Float32Array.of(0.2, 0.1);
const [truncation, truncations] = [5, 6];
const noise = 0.01;

/** One inner step of x under theta; the loss before it. */
function innerStep(x: number[], [rate, push]: ArrayLike<number> & Iterable<number>): number {
  const loss = x.reduce((sum, value, i) => sum + 0.5 * curvature[i] * value * value, 0);
  for (let i = 0; i < x.length; i++) x[i] += -rate * curvature[i] * x[i] + push;
  return loss;
}

/** The loss of a whole episode under one theta. */
function episodeLoss(own: readonly number[], objective: "mean" | "last"): number {
  const x = [2, -1];
  const losses = Array.from({ length: truncation * truncations }, () => innerStep(x, own));
  return objective === "last"
    ? losses[losses.length - 1]
    : losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

/** The full-horizon gradient, by central differences. */
const fullGradient = (objective: "mean" | "last"): number[] =>
  [0, 1].map((at) => {
    const moved = (by: number) => [...theta].map((value, i) => value + (i === at ? by : 0));
    const h = 1e-4;
    return (episodeLoss(moved(h), objective) - episodeLoss(moved(-h), objective)) / (2 * h);
  });

/** Mean and standard error of the estimates of many episodes, theta held still. */
function estimate(estimator: EstimatorName, objective: "mean" | "last", episodes: number) {
  const options = { estimator, seed: 5, noise };
  const sumOf = noiseSums(options, theta.length);
  const found: number[][] = [];
  for (let index = 0; index < episodes; index++) {
    const episode: Episode = { pair: 0, episode: index, began: index * truncations, truncations };
    const gradient = new Float64Array(theta.length);
    const [plus, minus] = [
      [2, -1],
      [2, -1],
    ];
    for (let at = 0; at < truncations; at++) {
      const step = episode.began + at;
      const time: EpisodeTime = timeOf(episode, step);
      const xi = noiseAt(options, time, theta.length);
      const lossesOf = (x: number[], sign: number) =>
        Array.from({ length: truncation }, () =>
          innerStep(
            x,
            theta.map((value, i) => value + sign * xi[i]),
          ),
        );
      const losses = { plus: lossesOf(plus, 1), minus: lossesOf(minus, -1) };
      const end = { ends: endsWith(episode, step), truncations };
      addEstimate(gradient, sumOf(time, xi), objectiveDifference(objective, losses, end), {
        noise,
        pairs: 1,
      });
    }
    found.push([...gradient].map((sum) => sum / truncations));
  }
  return [0, 1].map((at) => {
    const mean = found.reduce((sum, g) => sum + g[at], 0) / episodes;
    const square = found.reduce((sum, g) => sum + (g[at] - mean) ** 2, 0) / (episodes - 1);
    return { mean, error: Math.sqrt(square / episodes) };
  });
}

describe.each(["mean", "last"] as const)(
  "the gradient of the %s loss of a whole episode",
  (objective) => {
    const full = fullGradient(objective);
    test.each(["pes", "nres"] as const)("%s finds it within three standard errors", (estimator) => {
      for (const [at, { mean, error }] of estimate(estimator, objective, 8000).entries()) {
        expect(error).toBeLessThan(0.25 * Math.abs(full[at])); // else it could not fail
        expect(Math.abs(mean - full[at])).toBeLessThan(3 * error);
      }
    });
    test("truncated es does not", () => {
      const off = estimate("es", objective, 4000).map(
        ({ mean, error }, at) => Math.abs(mean - full[at]) / error,
      );
      expect(Math.max(...off)).toBeGreaterThan(10);
    });
  },
);

test("sums of noise are the same after a pause", () => {
  const options = { estimator: "pes", seed: 1, noise: 0.1 } as const;
  const episode: Episode = { pair: 2, episode: 3, began: 10, truncations: 9 };
  const at = (step: number) => {
    const time = timeOf(episode, step);
    return [time, noiseAt(options, time, 4)] as const;
  };
  const goingOn = noiseSums(options, 4);
  const sums = [10, 11, 12].map((step) => [...goingOn(...at(step))]);
  expect([...noiseSums(options, 4)(...at(12))]).toEqual(sums[2]);
  expect(sums[2]).not.toEqual(sums[1]);
});

describe("episodes", () => {
  const settings = { seed: 4, horizon: [100, 2000], truncation: 50, pairs: 200 } as const;
  test("lengths are log-uniform: the median lies near the geometric mean", () => {
    const lengths = Array.from({ length: 500 }, (_, i) => 50 * episodeLength(settings, i, 1));
    const median = lengths.toSorted((a, b) => a - b)[250];
    expect(Math.abs(median - Math.sqrt(100 * 2000))).toBeLessThan(100);
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(2000);
  });
  test("pairs do not restart together, and the next episode has its whole length", () => {
    const constant = { ...settings, horizon: [2000, 2000] } as const;
    const first = firstEpisodes(constant);
    expect(new Set(first.map(({ truncations }) => truncations)).size).toBeGreaterThan(30);
    let episode = first[0];
    for (let step = 0; episode.episode === 0; step++)
      episode = episodeAfter(constant, episode, step, false);
    expect(episode).toEqual({ pair: 0, episode: 1, began: first[0].truncations, truncations: 40 });
  });
  test("an episode that diverged ends at once", () => {
    const [first] = firstEpisodes({ ...settings, pairs: 1 });
    expect(episodeAfter(settings, first, 0, true)).toMatchObject({ episode: 1, began: 1 });
  });
});

test("an unknown estimator is refused by name", () => {
  expect(() => checkEstimator("vanilla")).toThrow(/expected one of pes, nres, es, got "vanilla"/);
});
