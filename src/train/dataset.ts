// Datasets of weights: the tensors of many networks side by side on the host, and one or more target numbers per network.

import { numpy as np } from "@jax-js/jax";
import type { MetricInfo } from "../core/metric-info.ts";
import { OptionError, ShapeError } from "../core/errors.ts";
import { randomStream } from "../core/random.ts";
import { frozenRecord } from "../core/records.ts";
import { equalShapes, formatShape, sizeOf } from "../core/shapes.ts";
import type { WeightBatch } from "../models/model.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";

/** One tensor of every network: `shape` is the shape in one network, `data` is [size, ...shape]. */
export interface DatasetTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The weights of many networks of one spec, and one or more target numbers for each. */
export interface WeightDataset {
  readonly spec: SymmetrySpec;
  /** Number of networks. */
  readonly size: number;
  readonly tensors: Readonly<Record<string, DatasetTensor>>;
  /** [size] or [size, outputs]. */
  readonly targets: Float32Array;
  /** What the targets are. @default the accuracy of classifiers on test data, in [0, 1] */
  readonly target?: MetricInfo;
  /**
   * [size], the run that each network comes from: checkpoints of one run share a number, and a split keeps them together.
   * @default every network is a run of its own
   */
  readonly groups?: readonly number[];
  /** [size], which checkpoint of its run each network is: a stage of training. @default all of one stage */
  readonly stages?: readonly number[];
  /** [size] each, single numbers that are known of every network beside its weights, by name. @default none */
  readonly cues?: Readonly<Record<string, readonly number[]>>;
}

/** What a batch is drawn from: numbers and targets of many networks. */
export type NetworkArrays = Pick<WeightDataset, "size" | "tensors" | "targets">;

/** Number of target values per network. */
export function outputsOf(dataset: NetworkArrays): number {
  return dataset.targets.length / dataset.size;
}

function firstNonFinite(data: Float32Array): number {
  return data.findIndex((value) => !Number.isFinite(value));
}

/**
 * Refuses a dataset that does not fit its spec or holds a number that is not finite, naming tensor and network.
 * @throws {ShapeError} {OptionError}
 */
export function checkDataset(dataset: WeightDataset): void {
  const { spec, size, tensors, targets } = dataset;
  const fail = (what: string): never => {
    throw new ShapeError(`checkDataset: ${what}`);
  };
  if (!Number.isSafeInteger(size) || size < 1) fail(`expected at least 1 network, got ${size}`);
  for (const name of Object.keys(spec.tensors)) {
    if (!Object.hasOwn(tensors, name)) {
      fail(
        `tensor "${name}" of the spec is missing from the dataset; read it or drop it from the spec`,
      );
    }
  }
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    if (!Object.hasOwn(spec.tensors, name)) {
      fail(`tensor "${name}" is not in the spec; add its axes to the spec or leave it out`);
    }
    const expected = spec.tensors[name].shape;
    if (!equalShapes(shape, expected)) {
      fail(`tensor "${name}" expected shape ${formatShape(expected)}, got ${formatShape(shape)}`);
    }
    const count = size * sizeOf(shape);
    if (data.length !== count) {
      fail(`tensor "${name}" of ${size} networks expected ${count} numbers, got ${data.length}`);
    }
    const bad = firstNonFinite(data);
    if (bad !== -1) {
      const network = Math.floor(bad / sizeOf(shape));
      throw new OptionError(
        `checkDataset: tensor "${name}" of network ${network} expected finite numbers, got ${data[bad]}; ` +
          "leave networks that diverged out of the dataset",
      );
    }
  }
  if (targets.length === 0 || targets.length % size !== 0) {
    fail(`expected a multiple of ${size} targets, one or more per network, got ${targets.length}`);
  }
  const { groups, stages, cues = {} } = dataset;
  if (groups !== undefined && groups.length !== size) {
    fail(`expected the run of each of ${size} networks, got ${groups.length} runs`);
  }
  for (const [name, numbers] of Object.entries({ ...cues, ...(stages && { stages }) })) {
    if (numbers.length !== size)
      fail(`"${name}" expected a number for each of ${size} networks, got ${numbers.length}`);
  }
  const bad = firstNonFinite(targets);
  if (bad !== -1) {
    const network = Math.floor((bad * size) / targets.length);
    throw new OptionError(
      `checkDataset: the target of network ${network} expected a finite number, got ${targets[bad]}`,
    );
  }
}

function gather(
  data: Float32Array,
  width: number,
  indices: ArrayLike<number>,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(indices.length * width);
  for (let i = 0; i < indices.length; i++) {
    const from = indices[i] * width;
    result.set(data.subarray(from, from + width), i * width);
  }
  return result;
}

/** The networks at these positions, in this order; a position may repeat. */
export function subset(dataset: WeightDataset, indices: ArrayLike<number>): WeightDataset {
  for (let i = 0; i < indices.length; i++) {
    if (!(Number.isSafeInteger(indices[i]) && indices[i] >= 0 && indices[i] < dataset.size)) {
      throw new OptionError(
        `subset: position ${i} expected a network from 0 to ${dataset.size - 1}, got ${indices[i]}`,
      );
    }
  }
  const pick = (numbers: readonly number[]) => Array.from(indices, (i) => numbers[i]);
  const tensors = Object.entries(dataset.tensors).map(([name, { shape, data }]) => [
    name,
    { shape, data: gather(data, sizeOf(shape), indices) },
  ]);
  return {
    spec: dataset.spec,
    size: indices.length,
    tensors: Object.fromEntries(tensors) as Record<string, DatasetTensor>,
    targets: gather(dataset.targets, outputsOf(dataset), indices),
    ...(dataset.target && { target: dataset.target }),
    ...(dataset.groups && { groups: pick(dataset.groups) }),
    ...(dataset.stages && { stages: pick(dataset.stages) }),
    ...(dataset.cues && {
      cues: frozenRecord(Object.entries(dataset.cues).map(([name, all]) => [name, pick(all)])),
    }),
  };
}

/** The positions of the networks of every run, runs in the order in which they first appear. */
function runsOf({ size, groups }: Pick<WeightDataset, "size" | "groups">): number[][] {
  if (groups === undefined) return Array.from({ length: size }, (_, i) => [i]);
  const runs = new Map<number, number[]>();
  for (let i = 0; i < size; i++) {
    const run = runs.get(groups[i]);
    if (run === undefined) runs.set(groups[i], [i]);
    else run.push(i);
  }
  return [...runs.values()];
}

/**
 * Positions of the networks in disjoint parts of a shuffled dataset, one part a fraction; see {@link splitDataset}.
 * @throws {OptionError} as splitDataset does
 */
export function splitPositions(
  dataset: Pick<WeightDataset, "size" | "groups">,
  fractions: readonly number[],
  seed: number,
): number[][] {
  const total = fractions.reduce((sum, fraction) => sum + fraction, 0);
  if (!fractions.every((fraction) => fraction > 0) || total > 1 + 1e-9) {
    throw new OptionError(
      `splitDataset: expected positive fractions that add to at most 1, got ${fractions.join(", ")}`,
    );
  }
  const runs = runsOf(dataset);
  const order = randomStream(seed).permutation(runs.length);
  let sum = 0;
  return fractions.map((fraction) => {
    const from = Math.round(sum * runs.length);
    sum += fraction;
    const to = Math.min(Math.round(sum * runs.length), runs.length);
    if (to <= from) {
      const what = dataset.groups === undefined ? "networks" : "runs";
      throw new OptionError(
        `splitDataset: a fraction of ${fraction} of ${runs.length} ${what} is empty; use more ${what}`,
      );
    }
    return order.slice(from, to).flatMap((run) => runs[run]);
  });
}

/**
 * Disjoint parts of a shuffled dataset, one per fraction, in the order of the fractions; the same for the same seed.
 * Networks of one run stay together. Fractions are of runs; boundaries are rounded from the running sum of the
 * fractions, so fractions that add to 1 use every network.
 * @throws {OptionError} when a fraction is not in (0, 1], they add to more than 1, or a part would be empty.
 */
export const splitDataset = (
  dataset: WeightDataset,
  fractions: readonly number[],
  seed: number,
): WeightDataset[] =>
  splitPositions(dataset, fractions, seed).map((positions) => subset(dataset, positions));

/** Weights [batch, ...shape] and targets [batch, outputs] of these networks, as fresh arrays. */
export function batchArrays(
  dataset: NetworkArrays,
  indices: ArrayLike<number>,
): { weights: WeightBatch; targets: np.Array } {
  const weights: WeightBatch = {};
  for (const [name, { shape, data }] of Object.entries(dataset.tensors)) {
    const values = gather(data, sizeOf(shape), indices);
    weights[name] = np.array(values, { shape: [indices.length, ...shape] }); // [batch, ...shape]
  }
  const outputs = outputsOf(dataset);
  const values = gather(dataset.targets, outputs, indices);
  return { weights, targets: np.array(values, { shape: [indices.length, outputs] }) };
}
