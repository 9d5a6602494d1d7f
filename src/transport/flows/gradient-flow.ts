// Gradient flows: a cloud moves towards another down a distance, by Adam with fresh random lines at every step. The exact W2
// squared of the two clouds says how far it got, whatever distance was used.

import { assignBest } from "../../align/matching/assign.ts";
import { OptionError } from "../../core/errors.ts";
import { deriveSeed, randomStream } from "../../core/random.ts";
import { flowMethods, type FlowMethod, type FlowMethodName, type Rows } from "./flow-methods.ts";
import { checkCount } from "../points.ts";

export interface FlowDataset {
  readonly title: string;
  readonly dimension: number;
  /** The target, its mean at 0. */
  readonly target: (size: number, seed: number) => Rows;
}

const centred = (rows: Rows): Rows => {
  const mean = rows[0].map((_, j) => rows.reduce((sum, row) => sum + row[j] / rows.length, 0));
  return rows.map((row) => row.map((c, j) => c - mean[j]));
};

/** The spiral of the Swiss roll in the plane, at most 1 away along each axis. */
function swissRoll(size: number, seed: number): Rows {
  const random = randomStream(seed);
  const rows = Array.from({ length: size }, () => {
    const t = 1.5 * Math.PI * (1 + 2 * random.uniform());
    return [t * Math.cos(t), t * Math.sin(t)];
  });
  const largest = Math.max(...rows.flat().map(Math.abs));
  return centred(rows.map((row) => row.map((c) => c / largest)));
}

/** A grid of 25 narrow normal distributions. */
function gaussians25(size: number, seed: number): Rows {
  const random = randomStream(seed);
  return centred(
    Array.from({ length: size }, () =>
      [0, 1].map(() => (2 * (random.integer(5) - 2) + 0.05 * random.normal()) / 2.828),
    ),
  );
}

const gaussian = (dimension: number): FlowDataset => ({
  title: `normal distribution in ${dimension} dimensions`,
  dimension,
  target: (size, seed) => {
    const random = randomStream(seed);
    return centred(
      Array.from({ length: size }, () => Array.from({ length: dimension }, () => random.normal())),
    );
  },
});

/** The targets by name. */
export const flowDatasets = {
  "swiss-roll": { title: "Swiss roll", dimension: 2, target: swissRoll },
  "25-gaussians": { title: "25 Gaussians", dimension: 2, target: gaussians25 },
  "gaussian-10": gaussian(10),
  "gaussian-50": gaussian(50),
  "gaussian-200": gaussian(200),
} satisfies Record<string, FlowDataset>;

export type FlowDatasetName = keyof typeof flowDatasets;

/** Exact W2 squared of two clouds of one size and equal weights, by assignment. */
export function exactW2Squared(x: Rows, y: Rows): number {
  const size = x.length;
  const gains = new Float64Array(size * size);
  x.forEach((u, i) =>
    y.forEach((v, j) => (gains[i * size + j] = -u.reduce((sum, c, k) => sum + (c - v[k]) ** 2, 0))),
  );
  return assignBest(gains, size).reduce((sum, row, j) => sum - gains[row * size + j] / size, 0);
}

export interface FlowOptions extends MoveOptions {
  readonly dataset: FlowDatasetName;
  /** @default 100 */
  readonly points?: number;
}

/** The state of a flow at an iteration. */
export interface FlowMoment {
  readonly iteration: number;
  readonly points: Rows;
  /** Exact W2 squared to the target. */
  readonly w2: number;
}

/** Adam on one array, with the usual constants. */
function adamSteps(size: number, rate: number): (x: Float64Array, gradient: Float64Array) => void {
  const [mean, square] = [new Float64Array(size), new Float64Array(size)];
  let step = 0;
  return (x, gradient) => {
    step++;
    const [forMean, forSquare] = [1 - 0.9 ** step, 1 - 0.999 ** step];
    for (let i = 0; i < size; i++) {
      const derivative = gradient[i];
      mean[i] += 0.1 * (derivative - mean[i]);
      square[i] += 0.001 * (derivative * derivative - square[i]);
      x[i] -= (rate * mean[i]) / forMean / (Math.sqrt(square[i] / forSquare) + 1e-8);
    }
  };
}

/** How a cloud moves. */
export interface MoveOptions {
  readonly method: FlowMethodName;
  /** Learning rate of Adam. */
  readonly rate: number;
  /** Fixes the random lines. */
  readonly seed: number;
  /** @default 100 */
  readonly lines?: number;
  /** @default 2500 */
  readonly iterations?: number;
  /** Iterations between two measurements. @default 500 */
  readonly every?: number;
}

/**
 * Moves a cloud to a target of the same size, moment by moment: iteration 0, then every so many.
 * @throws {OptionError} for an unknown method, counts below 1, or clouds of other sizes
 */
export function* moveCloud(
  start: Rows,
  target: Rows,
  { method, rate, seed, lines = 100, iterations = 2500, every = 500 }: MoveOptions,
): Generator<FlowMoment> {
  const caller = "moveCloud";
  for (const [name, value] of Object.entries({ lines, iterations, every }))
    checkCount(caller, name, value);
  if (!Object.hasOwn(flowMethods, method))
    throw new OptionError(
      `${caller}: method "${method}", expected one of ${Object.keys(flowMethods).join(", ")}`,
    );
  if (start.length !== target.length || start.length === 0)
    throw new OptionError(
      `${caller}: ${start.length} points and a target of ${target.length}, expected as many`,
    );
  const { gradient }: FlowMethod = flowMethods[method];
  const dimension = start[0].length;
  const x = Float64Array.from(start.flat());
  const rows = () => start.map((_, i) => [...x.subarray(i * dimension, (i + 1) * dimension)]);
  const moment = (iteration: number): FlowMoment => ({
    iteration,
    points: rows(),
    w2: exactW2Squared(rows(), target),
  });
  const shape = [start.length, dimension];
  const still = { shape, data: Float64Array.from(target.flat()) };
  const step = adamSteps(x.length, rate);
  yield moment(0);
  for (let iteration = 1; iteration <= iterations; iteration++) {
    step(x, gradient({ shape, data: x }, still, lines, deriveSeed(seed, "lines", iteration)));
    if (iteration % every === 0 || iteration === iterations) yield moment(iteration);
  }
}

/**
 * A flow from normal points of standard deviation 0.25 to a target, moment by moment. The seed fixes target, start and lines.
 * @throws {OptionError} for unknown names or counts below 1
 */
export function* gradientFlow({
  dataset,
  points = 100,
  ...options
}: FlowOptions): Generator<FlowMoment> {
  checkCount("gradientFlow", "points", points);
  if (!Object.hasOwn(flowDatasets, dataset))
    throw new OptionError(
      `gradientFlow: dataset "${dataset}", expected one of ${Object.keys(flowDatasets).join(", ")}`,
    );
  const { dimension, target }: FlowDataset = flowDatasets[dataset];
  const { seed } = options;
  const random = randomStream(deriveSeed(seed, "start"));
  const start = Array.from({ length: points }, () =>
    Array.from({ length: dimension }, () => 0.25 * random.normal()),
  );
  yield* moveCloud(start, target(points, deriveSeed(seed, "target")), options);
}
