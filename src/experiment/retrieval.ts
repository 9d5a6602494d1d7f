// Experiments on finding networks that show the same kind of thing without any label: a functional learns to tell from the weights what
// a network draws, coarsely, and what it tells is the network's place among others. Labels are used at the end only, to count how many
// of the nearest neighbours show the same.

import { OptionError } from "../core/errors.ts";
import { deriveSeed } from "../core/random.ts";
import { sizeOf } from "../core/shapes.ts";
import { meanAndStd } from "../train/measures/metrics.ts";
import { splitDataset, type WeightDataset } from "../train/dataset.ts";
import { fitNormalization, normalize } from "../train/normalization.ts";
import { withClassOutputs } from "./classify.ts";
import { endedRuns } from "./plan-runs.ts";
import { type ExperimentEvent, type ExperimentOptions, runCollected } from "./run-experiment.ts";

/** Blocks along each side of the coarse drawing. */
export const coarseSide = 7;

/** Neighbours that are counted. */
export const neighbours = 5;

/** Means over blocks of a drawing, brightness from -1 to 1, as numbers from 0 to 1: [coarseSide * coarseSide]. */
export function coarse(
  drawing: ArrayLike<number>,
  [height, width]: readonly number[],
): Float32Array {
  const sums = new Float64Array(coarseSide ** 2);
  const counts = new Float64Array(coarseSide ** 2);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const block =
        Math.floor((row * coarseSide) / height) * coarseSide +
        Math.floor((column * coarseSide) / width);
      sums[block] += drawing[row * width + column];
      counts[block]++;
    }
  return Float32Array.from(sums, (sum, block) =>
    Math.min(1, Math.max(0, (sum / counts[block] + 1) / 2)),
  );
}

/** A population whose targets are the coarse drawings of its networks. @throws {OptionError} for images with fewer pixels than blocks */
export function retrievalData(
  { spec, size, tensors, groups }: WeightDataset,
  drawings: readonly ArrayLike<number>[],
  shape: readonly number[],
): WeightDataset {
  if (shape.some((side) => side < coarseSide))
    throw new OptionError(
      `retrievalData: images of ${shape.join(" x ")} pixels, expected at least ${coarseSide} x ${coarseSide}`,
    );
  const targets = new Float32Array(size * coarseSide ** 2);
  for (const [i, drawing] of drawings.entries())
    targets.set(coarse(drawing, shape), i * coarseSide ** 2);
  const target = {
    name: "drawing",
    unit: "",
    summary: "coarse brightness of what a network draws",
    better: "higher",
    range: [0, 1],
    values: coarseSide ** 2,
    keepsValues: true,
  } as const;
  return { spec, size, tensors, targets, target, ...(groups && { groups }) };
}

/**
 * Share of the nearest others of each query that have its label; place i of both lists is one network, which is no neighbour of
 * itself. Vectors are rows of `width` numbers. NaN for fewer than two networks.
 */
export function neighbourPrecision(
  queries: ArrayLike<number>,
  places: ArrayLike<number>,
  width: number,
  labels: readonly number[],
): number {
  const count = labels.length;
  const near = Math.min(neighbours, count - 1);
  let right = 0;
  for (let query = 0; query < count; query++) {
    const distances = labels.map((_, other) => {
      let sum = 0;
      for (let i = 0; i < width; i++)
        // As numbers come from files, in 32 bits, so that ties are told alike.
        sum +=
          (Math.fround(queries[query * width + i]) - Math.fround(places[other * width + i])) ** 2;
      return { other, sum };
    });
    const nearest = distances
      .filter(({ other }) => other !== query)
      .toSorted((a, b) => a.sum - b.sum || a.other - b.other)
      .slice(0, near);
    right += nearest.filter(({ other }) => labels[other] === labels[query]).length;
  }
  return right / (count * near);
}

/** How well one functional finds, over its trainings. */
export interface RetrievalRow {
  readonly model: string;
  readonly parameters: number;
  readonly seeds: number;
  /** Share of the five nearest test networks that show the same class, in [0, 1]. */
  readonly precisionMean: number;
  readonly precisionStd: number;
  /** The same where the units of the network that is looked up are in a random order. */
  readonly movedMean: number;
  readonly movedStd: number;
}

/** What an experiment on retrieval came to. */
export interface RetrievalOutcome {
  readonly rows: readonly RetrievalRow[];
  /** The same share by the distance of weights, of true coarse drawings, and by chance. */
  readonly baselines: {
    readonly weights: number;
    readonly drawings: number;
    readonly chance: number;
  };
}

/** All weights of every network in a row, each tensor by its own scale. */
function flatWeights(
  train: WeightDataset,
  test: WeightDataset,
): { rows: Float64Array; width: number } {
  const { tensors } = normalize(test, fitNormalization(train));
  const list = Object.values(tensors);
  const width = list.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const rows = new Float64Array(test.size * width);
  let from = 0;
  for (const { shape, data } of list) {
    const size = sizeOf(shape);
    for (let i = 0; i < test.size; i++)
      rows.set(data.subarray(i * size, (i + 1) * size), i * width + from);
    from += size;
  }
  return { rows, width };
}

/** Share of pairs of different networks with the same label. */
function chanceOf(labels: readonly number[]): number {
  const pairs = labels.flatMap((a, i) => labels.filter((b, j) => i !== j && a === b)).length;
  return pairs / (labels.length * (labels.length - 1));
}

/**
 * Trains functionals without labels; ends without results when the signal aborts. `labels` has the class of every network of the
 * dataset.
 * @throws {OptionError} {EnvironmentError} as every experiment
 */
export async function* runRetrieval({
  labels,
  ...options
}: ExperimentOptions & { readonly labels: readonly number[] }): AsyncGenerator<
  ExperimentEvent<RetrievalOutcome>,
  void,
  undefined
> {
  const width = coarseSide ** 2;
  const settings = withClassOutputs(options.settings, width);
  const { split, seed } = settings;
  const classes = { ...options.dataset, targets: Float32Array.from(labels) };
  const [, , labelled] = splitDataset(classes, split, deriveSeed(seed, "split"));
  const truth = Array.from(labelled.targets);
  yield* runCollected({ ...options, settings }, (_, { train, test }, entries) => {
    const raw = flatWeights(train, test);
    const rows = entries.map((entry) => {
      const { name } = entry;
      const jobs = endedRuns(entry);
      const found = meanAndStd(
        jobs.map(({ predicted }) => neighbourPrecision(predicted, predicted, width, truth)),
      );
      const moved = meanAndStd(
        jobs.map((job) => neighbourPrecision(job.moved, job.predicted, width, truth)),
      );
      return {
        model: name,
        parameters: jobs[0].parameters,
        seeds: jobs.length,
        precisionMean: found.mean,
        precisionStd: found.std,
        movedMean: moved.mean,
        movedStd: moved.std,
      };
    });
    return {
      rows: rows.toSorted((a, b) => b.precisionMean - a.precisionMean),
      baselines: {
        weights: neighbourPrecision(raw.rows, raw.rows, raw.width, truth),
        drawings: neighbourPrecision(test.targets, test.targets, width, truth),
        chance: chanceOf(truth),
      },
    };
  });
}
