// Models that are linear in a vector of every network: their parameters are solved for by Newton's method, in float64, and not
// stepped towards. A ridge penalty keeps them small; the one whose predictions do best on the validation networks is chosen.

import { CholeskyDecomposition, Matrix } from "ml-matrix";
import { OptionError } from "../core/errors.ts";
import { type HostRecord, arraysFromHost } from "../engine/arrays.ts";
import { startEngine } from "../engine/start.ts";
import type { Model, Params } from "../models/model.ts";
import { type EpochRecord, writeCheckpoint } from "./checkpoint.ts";
import type { NetworkArrays } from "./dataset.ts";
import type { FitData } from "./fit-options.ts";
import { kendallTau } from "./measures/kendall-tau.ts";
import type { Objective } from "./measures/objective.ts";
import { readVectors } from "./read-vectors.ts";

/** Penalties that are tried, of squares of coefficients of standardised numbers; the loss is a mean over networks. */
export const ridgePenalties: readonly number[] = Object.freeze(
  [-6, -5, -4, -3, -2, -1, 0, 1].map((power) => 10 ** power),
);

/** How the loss of one network curves: its value, first and second derivative by the raw output. */
type Curve = (output: number, target: number) => readonly [number, number, number];

const curves: Readonly<Record<string, Curve>> = {
  "binary-cross-entropy": (output, target) => {
    const share = 1 / (1 + Math.exp(-output));
    const value = Math.max(output, 0) - output * target + Math.log1p(Math.exp(-Math.abs(output)));
    return [value, share - target, share * (1 - share)];
  },
  "mean-squared-error": (output, target) => [(output - target) ** 2, 2 * (output - target), 2],
  "share-squared-error": (output, target) => [(output - target) ** 2, 2 * (output - target), 2],
};

/** Whether the parameters of a linear model can be solved for under an objective: one output, and a loss that is convex in it. */
export const isSolvable = (model: Model, { name }: Objective): boolean =>
  model.vector !== undefined && model.outputs === 1 && Object.hasOwn(curves, name);

/** What brings numbers to mean 0 and deviation 1 over the training networks. */
interface Units {
  readonly means: Float64Array;
  /** Infinity for numbers that are the same in all networks: their coefficient is 0. */
  readonly deviations: Float64Array;
}

const vectorsOf = ({ tensors, size }: NetworkArrays): readonly Float32Array[] => {
  const [{ shape, data }] = Object.values(tensors);
  const values = data as Float32Array;
  return Array.from({ length: size }, (_, i) => values.subarray(i * shape[0], (i + 1) * shape[0]));
};

function unitsOf(vectors: readonly Float32Array[]): Units {
  const width = vectors[0].length;
  const [means, deviations] = [new Float64Array(width), new Float64Array(width)];
  for (let j = 0; j < width; j++) {
    for (const vector of vectors) means[j] += vector[j] / vectors.length;
    let square = 0;
    for (const vector of vectors) square += (vector[j] - means[j]) ** 2 / vectors.length;
    const least = 1e-6 * Math.abs(means[j]); // differences that rounding makes
    deviations[j] = Math.sqrt(square) > least ? Math.sqrt(square) : Infinity;
  }
  return { means, deviations };
}

/** Vectors as rows of standardised numbers with a 1 behind them. */
const standardised = ({ means, deviations }: Units, vectors: readonly Float32Array[]) =>
  vectors.map((vector) => {
    const row = new Float64Array(vector.length + 1);
    for (let j = 0; j < vector.length; j++) row[j] = (vector[j] - means[j]) / deviations[j];
    row[vector.length] = 1;
    return row;
  });

const product = (row: Float64Array, coefficients: Float64Array): number => {
  let sum = 0;
  for (let j = 0; j < row.length; j++) sum += row[j] * coefficients[j];
  return sum;
};

/** The penalised mean loss. */
function lossOf(
  rows: readonly Float64Array[],
  targets: ArrayLike<number>,
  curve: Curve,
  coefficients: Float64Array,
  penalty: number,
): number {
  let sum = 0;
  for (const [i, row] of rows.entries()) sum += curve(product(row, coefficients), targets[i])[0];
  const weights = coefficients.subarray(0, -1);
  return sum / rows.length + (penalty / 2) * weights.reduce((total, w) => total + w * w, 0);
}

/** Gradient and curvature of the penalised mean loss, as one system [width + 1, width + 2]. */
function derivatives(
  rows: readonly Float64Array[],
  targets: ArrayLike<number>,
  curve: Curve,
  coefficients: Float64Array,
  penalty: number,
) {
  const size = coefficients.length;
  const gradient = new Float64Array(size);
  const upper = Array.from({ length: size }, () => new Float64Array(size));
  for (const [i, row] of rows.entries()) {
    const [, first, second] = curve(product(row, coefficients), targets[i]);
    for (let j = 0; j < size; j++) {
      gradient[j] += (first * row[j]) / rows.length;
      const scaled = (second * row[j]) / rows.length;
      const into = upper[j];
      for (let k = j; k < size; k++) into[k] += scaled * row[k];
    }
  }
  for (let j = 0; j + 1 < size; j++) {
    gradient[j] += penalty * coefficients[j];
    upper[j][j] += penalty;
  }
  const curvature = Matrix.zeros(size, size);
  for (let j = 0; j < size; j++)
    for (let k = j; k < size; k++) {
      curvature.set(j, k, upper[j][k]);
      curvature.set(k, j, upper[j][k]);
    }
  return { gradient, curvature };
}

/** Newton steps at most; few are needed. */
const mostSteps = 50;
/** A step is halved at most so often until the loss falls. */
const mostHalvings = 30;
const smallGradient = 1e-9;

/** The coefficients of least penalised loss: those of numbers, and behind them the constant. */
export function solveCoefficients(
  rows: readonly Float64Array[],
  targets: ArrayLike<number>,
  objective: string,
  penalty: number,
): Float64Array {
  const curve = curves[objective];
  let coefficients = new Float64Array(rows[0].length);
  let loss = lossOf(rows, targets, curve, coefficients, penalty);
  for (let step = 0; step < mostSteps; step++) {
    const { gradient, curvature } = derivatives(rows, targets, curve, coefficients, penalty);
    if (gradient.every((value) => Math.abs(value) < smallGradient)) break;
    const size = gradient.length;
    for (let j = 0; j < size; j++) curvature.set(j, j, curvature.get(j, j) + 1e-12);
    const way = new CholeskyDecomposition(curvature).solve(Matrix.columnVector([...gradient]));
    let share = 1;
    let moved = coefficients;
    let next = loss;
    for (let i = 0; i < mostHalvings; i++, share /= 2) {
      moved = coefficients.map((value, j) => value - share * way.get(j, 0));
      next = lossOf(rows, targets, curve, moved, penalty);
      if (next < loss) break;
    }
    if (!(next < loss)) break; // as low as float64 goes
    coefficients = moved;
    loss = next;
  }
  return coefficients;
}

/** A model that was solved for. */
export interface SolvedModel {
  readonly params: Params;
  /** One record: that of the chosen penalty. */
  readonly history: readonly EpochRecord[];
  /** The bytes of its checkpoint. */
  readonly checkpoint: Uint8Array;
}

interface Candidate {
  readonly penalty: number;
  readonly coefficients: Float64Array;
  readonly tau: number;
  readonly record: EpochRecord;
}

/** Predictions and losses of coefficients on other networks. */
function judge(
  { rows, targets }: { readonly rows: readonly Float64Array[]; readonly targets: Float32Array },
  objective: Objective,
  coefficients: Float64Array,
) {
  const outputs = Float32Array.from(rows, (row) => product(row, coefficients));
  const loss = lossOf(rows, targets, curves[objective.name], coefficients, 0);
  return { loss, tau: kendallTau(objective.link(outputs, 1), targets) };
}

/** Coefficients of standardised numbers as those of the numbers themselves. */
function parametersOf(coefficients: Float64Array, { means, deviations }: Units): HostRecord {
  const width = means.length;
  const weight = new Float32Array(width);
  let bias = coefficients[width];
  for (let j = 0; j < width; j++) {
    weight[j] = coefficients[j] / deviations[j];
    bias -= (coefficients[j] * means[j]) / deviations[j];
  }
  return {
    "dense0.weight": { shape: [width, 1], data: weight },
    "dense0.bias": { shape: [1], data: Float32Array.of(bias) },
  };
}

/** How {@link solveLinear} chooses. */
export interface SolveOptions {
  readonly objective: Objective;
  /** Kept in the checkpoint. */
  readonly notes: Readonly<Record<string, unknown>>;
  /** Networks whose vectors are read together. */
  readonly batchSize: number;
}

/**
 * Solves for the parameters of a model that is linear in its vector; the penalty of the highest tau on the validation networks is
 * chosen, without them the least. @throws {OptionError} for a model or an objective that {@link isSolvable} says no to
 */
export async function solveLinear(
  model: Model,
  { train, validation }: FitData,
  { objective, notes, batchSize }: SolveOptions,
): Promise<SolvedModel> {
  const { vector } = model;
  if (vector === undefined || !isSolvable(model, objective))
    throw new OptionError(
      `solve: expected a model that is linear in a vector of one output, and a loss that is convex in it; "${model.name}" with ${objective.name} is trained by steps`,
    );
  await startEngine();
  const vectors = vectorsOf(await readVectors(vector, train, batchSize));
  const units = unitsOf(vectors);
  const learned = { rows: standardised(units, vectors), targets: train.targets };
  const held =
    validation && standardised(units, vectorsOf(await readVectors(vector, validation, batchSize)));
  const candidates = ridgePenalties.map((penalty): Candidate => {
    const { rows, targets } = learned;
    const coefficients = solveCoefficients(rows, targets, objective.name, penalty);
    const { loss: trainLoss } = judge(learned, objective, coefficients);
    if (held === undefined || validation === undefined)
      return { penalty, coefficients, tau: -penalty, record: { epoch: 1, trainLoss } };
    const { loss: validLoss, tau } = judge(
      { rows: held, targets: validation.targets },
      objective,
      coefficients,
    );
    const validMetric = Number.isFinite(tau) ? { validMetric: tau } : {};
    return {
      penalty,
      coefficients,
      tau,
      record: { epoch: 1, trainLoss, validLoss, ...validMetric },
    };
  });
  const best = candidates.reduce((a, b) => (b.tau > a.tau || Number.isNaN(a.tau) ? b : a));
  const params = parametersOf(best.coefficients, units);
  const history = [best.record];
  const checkpoint = await writeCheckpoint({
    model: model.name,
    spec: model.spec,
    setting: { solver: "newton", objective: objective.name, penalty: best.penalty },
    position: { step: 1, epoch: 1, batch: 0, lossSum: 0, bestEpoch: 1 },
    history,
    notes,
    params,
    best: params,
    optimizer: {},
  });
  return { params: arraysFromHost(params), history, checkpoint };
}
