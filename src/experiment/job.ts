// One training run of an experiment: one model, one seed, from data to predictions on the test networks.

import { specFromJSON, type SpecJSON } from "../symmetry/json.ts";
import type { Model, Params } from "../models/model.ts";
import { buildModel, modelEntry, type ModelOptions } from "../models/registry.ts";
import { disposeArrays } from "../engine/arrays.ts";
import type { EpochRecord } from "../train/checkpoint.ts";
import type { WeightDataset } from "../train/dataset.ts";
import { fit } from "../train/fit.ts";
import { classAccuracy, negativeSquaredError, squaredErrors } from "../train/measures/metrics.ts";
import { predictor } from "../train/predict.ts";
import { isSolvable, solveLinear } from "../train/solve-linear.ts";
import { objectiveOf, predictionsOf, type Target } from "../train/target.ts";
import { TrainingError } from "../train/training-error.ts";
import { type Budget, budgetOptions } from "./budget.ts";
import { likeTheOthers, readableNetworks } from "./unread-networks.ts";

/** A dataset without its spec, so that it can be sent to a thread. */
export type DatasetParts = Pick<WeightDataset, "size" | "tensors" | "targets">;

/** One training run as a thread is asked for it. */
export interface JobRequest {
  /** Name in tables. */
  readonly name: string;
  /** Name in the registry. */
  readonly model: string;
  readonly options: ModelOptions;
  readonly seed: number;
  readonly budget: Budget;
  readonly spec: SpecJSON;
  readonly train: DatasetParts;
  readonly validation: DatasetParts;
  /** What is predicted; the targets of `train` and `validation` are those it is learned by. */
  readonly target: Target;
  /** Absent in trials of tuning, which must not see them. */
  readonly test?: DatasetParts;
  /** The test networks after group elements acted on them. */
  readonly moved?: DatasetParts;
  /** The test networks moved in other ways, by name. */
  readonly moves?: Readonly<Record<string, DatasetParts>>;
  /** Checkpoint to continue from. */
  readonly resume?: Uint8Array;
  /** Kept in the checkpoints: the normalisation, for `predict`. */
  readonly notes: Readonly<Record<string, unknown>>;
}

/** What one training run came to: predictions on networks that it has not seen. */
export interface JobResult {
  /** Name in tables. */
  readonly model: string;
  readonly seed: number;
  readonly parameters: number;
  readonly bestEpoch: number;
  readonly history: readonly EpochRecord[];
  /**
   * Predictions on the test networks, in their order, in the unit of the target; where that is many values a network, the mean
   * squared error of each network.
   */
  readonly predicted: readonly number[];
  /** The same after group elements acted on the test networks. */
  readonly moved: readonly number[];
  /** The same for test networks moved in other ways. */
  readonly moves?: Readonly<Record<string, readonly number[]>>;
  /** Networks that it could not read, in training, validation and tests together. @default 0 */
  readonly unread?: number;
  /** Why a run ended without predictions: its loss stopped being finite. */
  readonly diverged?: string;
}

/** A training run that has ended, with what it predicts for the test networks. */
export interface FinishedJob extends JobResult {
  /** Training and prediction time, interrupted parts included. */
  readonly seconds: number;
  /** Where it ended: processor, cores and version of Node, where they are known. */
  readonly machine?: string;
}

/** What a training run tells while it goes. */
export type JobEvent =
  | { readonly type: "progress"; readonly step: number; readonly steps: number }
  | { readonly type: "checkpoint"; readonly bytes: Uint8Array }
  | { readonly type: "result"; readonly result: JobResult };

/** What a whole run left: its last checkpoint, and its result unless it was aborted. */
export interface JobOutcome {
  readonly checkpoint?: Uint8Array;
  readonly result?: JobResult;
}

/**
 * Trains and predicts; no result when the signal aborts, only a last checkpoint. A run whose loss or predictions are no
 * finite numbers has a result that says so, and no predictions.
 */
export async function* runJob(
  request: JobRequest,
  signal: AbortSignal,
): AsyncGenerator<JobEvent, void, undefined> {
  try {
    yield* trainAndPredict(request, signal);
  } catch (error) {
    if (!(error instanceof TrainingError)) throw error;
    const { name, seed } = request;
    const model = buildModel(request.model, specFromJSON(request.spec), request.options);
    const nothing = { bestEpoch: 0, history: [], predicted: [], moved: [] };
    const parameters = model.parameterCount;
    const result = { model: name, seed, parameters, ...nothing, diverged: error.message };
    yield { type: "result", result };
  }
}

async function* trainAndPredict(
  request: JobRequest,
  signal: AbortSignal,
): AsyncGenerator<JobEvent, void, undefined> {
  const { name, model: registered, options, seed, budget, resume, notes } = request;
  const spec = specFromJSON(request.spec);
  const model = buildModel(registered, spec, options);
  const { train, validation, unread } = await readableParts(model, request);
  if (modelEntry(registered).solved === true && isSolvable(model, objectiveOf(request.target)))
    return yield* solveAndPredict(model, request);
  const { classes, values } = request.target;
  const events = fit(
    model,
    { train: { ...train, spec }, validation: { ...validation, spec } },
    {
      ...budgetOptions(budget, train.size, options),
      seed,
      signal,
      objective: objectiveOf(request.target),
      ...(classes !== undefined && { metric: classAccuracy(classes) }),
      ...(values !== undefined && { metric: negativeSquaredError }),
      notes: { ...notes, model: registered, options },
      ...(resume && { resume }),
    },
  );
  let steps = 0;
  for await (const event of events) {
    if (event.type === "start") steps = event.epochs * event.stepsPerEpoch;
    else if (event.type === "step") yield { type: "progress", step: event.step, steps };
    else if (event.type === "checkpoint") yield { type: "checkpoint", bytes: event.bytes };
    else if (event.type === "done") {
      const { params, reason, bestEpoch, history } = event;
      try {
        if (reason === "aborted") return;
        const { unread: inTests = 0, ...predictions } = await predictAll(model, params, request);
        const parameters = model.parameterCount;
        const left = unread + inTests;
        const about = { model: name, seed, parameters, bestEpoch, history };
        const result = { ...about, ...predictions, ...(left > 0 && { unread: left }) };
        yield { type: "result", result };
      } finally {
        disposeArrays(params);
      }
    }
  }
}

/** Whether a functional takes weights as they are, however large, and so may be unable to read a network. */
const takesWeightsAsTheyAre = ({ model, options }: JobRequest): boolean =>
  modelEntry(model).inputs?.(options) === "linear";

/** The networks to learn from that the functional can read, and how many others there are. */
async function readableParts(
  model: Model,
  request: JobRequest,
): Promise<Pick<JobRequest, "train" | "validation"> & { readonly unread: number }> {
  const { train, validation, seed, budget } = request;
  if (!takesWeightsAsTheyAre(request)) return { train, validation, unread: 0 };
  const { batchSize } = budget;
  const read = {
    train: await readableNetworks(model, train, { seed, batchSize }),
    validation: await readableNetworks(model, validation, { seed, batchSize }),
  };
  const unread = train.size + validation.size - read.train.size - read.validation.size;
  if (read.train.size > 0 && read.validation.size > 0) return { ...read, unread };
  throw new TrainingError(
    `what the functional makes of weights is more than a float32 holds for ${unread} of ${train.size + validation.size} networks; leave networks with enormous weights out`,
    0,
  );
}

/** The run of a model whose parameters are solved for. */
async function* solveAndPredict(
  model: Model,
  request: JobRequest,
): AsyncGenerator<JobEvent, void, undefined> {
  const { name, model: registered, options, seed, budget, train, validation } = request;
  const { spec } = model;
  const { params, history, checkpoint } = await solveLinear(
    model,
    { train: { ...train, spec }, validation: { ...validation, spec } },
    {
      objective: objectiveOf(request.target),
      notes: { ...request.notes, model: registered, options },
      batchSize: budget.batchSize,
    },
  );
  try {
    yield { type: "progress", step: 1, steps: 1 };
    yield { type: "checkpoint", bytes: checkpoint };
    const predictions = await predictAll(model, params, request);
    const parameters = model.parameterCount;
    yield {
      type: "result",
      result: { model: name, seed, parameters, bestEpoch: 1, history, ...predictions },
    };
  } finally {
    disposeArrays(params);
  }
}

/** Digits kept of the probabilities of classes and of many values a network: files of results stay small. */
const keptDigits = { probability: 4, value: 2 };

/** What is kept of predictions: numbers, probabilities of classes, or of many values a network their mean squared error. */
function keptOf(predictions: Float32Array, part: DatasetParts, target: Target): number[] {
  const { classes, values, keepsValues = false } = target;
  const numbers = Array.from(predictions);
  const rounded = (digits: number) => numbers.map((value) => Number(value.toFixed(digits)));
  if (keepsValues) return rounded(keptDigits.value);
  if (values !== undefined)
    return squaredErrors(predictions, part.targets, values).map(Math.fround);
  return classes === undefined ? numbers : rounded(keptDigits.probability);
}

/** @throws {TrainingError} when more are no numbers, of which no rank correlation is known, than networks that cannot be read */
function checkPredicted(predicted: readonly number[], unread: number): void {
  const wrong = predicted.filter((value) => !Number.isFinite(value)).length;
  if (wrong <= unread) return;
  throw new TrainingError(
    `predictions for the test networks are not finite numbers in ${wrong} of ${predicted.length} values; leave networks with enormous weights out`,
    0,
  );
}

/** How many test networks a functional cannot read; those of functionals with many numbers a network must all be read. */
async function unreadTests(model: Model, request: JobRequest): Promise<number> {
  const { test, seed, budget, target } = request;
  const isOneNumber = target.classes === undefined && target.values === undefined;
  if (test === undefined || !isOneNumber || !takesWeightsAsTheyAre(request)) return 0;
  const { size } = await readableNetworks(model, test, { seed, batchSize: budget.batchSize });
  return test.size - size;
}

/** Predictions on the test networks, as they are and moved. @keeps params @throws {TrainingError} */
async function predictAll(
  model: Model,
  params: Params,
  request: JobRequest,
): Promise<Pick<JobResult, "predicted" | "moved" | "moves" | "unread">> {
  const { test, moved, moves, budget, target } = request;
  const unread = await unreadTests(model, request);
  const settle = unread === 0 ? (values: number[]) => values : likeTheOthers;
  const compiled = predictor(model, budget.batchSize);
  const predict = async (part: DatasetParts | undefined) => {
    if (part === undefined) return [];
    const outputs = await compiled.predict(params, part);
    return keptOf(predictionsOf(outputs, model.outputs, target), part, target);
  };
  try {
    const plain = { predicted: await predict(test), moved: await predict(moved) };
    checkPredicted(plain.predicted, unread);
    const settled = {
      predicted: settle(plain.predicted),
      moved: settle(plain.moved),
      ...(unread > 0 && { unread }),
    };
    if (moves === undefined) return settled;
    const further: Record<string, readonly number[]> = {};
    for (const [move, part] of Object.entries(moves)) further[move] = settle(await predict(part));
    return { ...settled, moves: further };
  } finally {
    compiled.dispose();
  }
}
