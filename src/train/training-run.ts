// One training run under way: what is compiled, where it stands, and its three moves: a step, the end of an epoch, a
// checkpoint.

import { blockUntilReady, numpy as np, random } from "@jax-js/jax";
import { deriveSeed } from "../core/random.ts";
import { disposeArrays, keepArrays } from "../engine/arrays.ts";
import type { Model, Params } from "../models/model.ts";
import { type BatchPlan, batchPlan } from "./batches.ts";
import type { EpochRecord } from "./checkpoint.ts";
import { batchArrays, type NetworkArrays } from "./dataset.ts";
import type { FitEvent } from "./events.ts";
import type { FitData, FullFitOptions } from "./fit-options.ts";
import type { Objective } from "./measures/objective.ts";
import { type Predictor, predictor } from "./predict.ts";
import { onVectors, readVectors } from "./read-vectors.ts";
import {
  disposeState,
  freshState,
  resumedState,
  type RunSetting,
  type RunState,
  saveState,
} from "./run-state.ts";
import { type TrainStep, trainStep } from "./train-step.ts";
import { TrainingError } from "./training-error.ts";

export interface TrainingRun {
  readonly model: Model;
  readonly options: FullFitOptions;
  /** What passes read: weights, or vectors that were read off them once. */
  readonly train: NetworkArrays;
  readonly validation: NetworkArrays | undefined;
  readonly plan: BatchPlan;
  /** Steps of the whole run. */
  readonly steps: number;
  /** What must be equal for a run to continue exactly. */
  readonly setting: RunSetting;
  readonly step: TrainStep;
  readonly evaluator: Predictor;
  /** Changes with every move. */
  readonly state: RunState;
}

/** Compiles what a run needs, fresh or from the checkpoint it resumes. @throws {OptionError} {ShapeError} */
export async function openRun(
  model: Model,
  data: FitData,
  options: FullFitOptions,
): Promise<TrainingRun> {
  const { epochs, seed, objective, optimizer, clipNorm } = options;
  const plan = batchPlan(data.train.size, options.batchSize, seed);
  const setting = {
    seed,
    batchSize: plan.batchSize,
    networks: plan.size,
    loss: objective.name,
    optimizer: optimizer.name,
    clipNorm: clipNorm ?? "none",
    dropout: String(options.dropout),
  };
  const { read, train, validation } = await asRead(model, data, plan.batchSize);
  const step = trainStep(read, objective, optimizer, clipNorm);
  const state =
    options.resume === undefined
      ? await freshState(model, optimizer, seed, step)
      : await resumedState(options.resume, model, optimizer, setting, step);
  return {
    model,
    options,
    train,
    validation,
    plan,
    steps: epochs * plan.batches,
    setting,
    step,
    evaluator: predictor(read, plan.batchSize),
    state,
  };
}

/** Gives up every array and program of a run. */
export function closeRun({ state, step, evaluator }: TrainingRun): void {
  disposeState(state);
  step.dispose();
  evaluator.dispose();
}

/** The model and the data that passes read: weights, or vectors that were read off them once. */
async function asRead(
  model: Model,
  { train, validation }: FitData,
  batchSize: number,
): Promise<{ read: Model; train: NetworkArrays; validation: NetworkArrays | undefined }> {
  const { vector } = model;
  if (vector === undefined) return { read: model, train, validation };
  return {
    read: onVectors(model, vector),
    train: await readVectors(vector, train, batchSize),
    validation: validation && (await readVectors(vector, validation, batchSize)),
  };
}

async function scalar(array: np.Array): Promise<number> {
  return (await array.data())[0];
}

/**
 * Runs one step; moves the position but does not end the epoch.
 * @throws {TrainingError} naming the step at which the loss or the gradient is not finite
 */
export async function advance(run: TrainingRun): Promise<FitEvent> {
  const { state, plan, steps } = run;
  const { rate: schedule, seed, dropout } = run.options;
  const { position } = state;
  const rate = schedule(position.step, steps);
  const { params, optimizer } = state as Required<RunState>;
  state.params = state.optimizer = undefined; // the step consumes them
  const step = position.step + 1;
  const result = await run.step.run({
    params: params as Params,
    state: optimizer ?? {},
    ...batchArrays(run.train, plan.indices(position.epoch, position.batch)),
    rate: np.array(rate, { dtype: np.float32 }),
    ...(dropout ? { key: random.key(deriveSeed(seed, "dropout", step)) } : {}),
  });
  state.params = result.params;
  state.optimizer = result.state;
  await blockUntilReady(result);
  const epoch = position.epoch + 1;
  const [loss, gradientNorm] = [await scalar(result.loss), await scalar(result.norm)];
  if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
    const what = Number.isFinite(loss)
      ? `the gradient norm is ${gradientNorm}`
      : `the loss is ${loss}`;
    throw new TrainingError(
      `fit: ${what} at step ${step} of ${steps} (epoch ${epoch}), expected a finite ` +
        "number; lower the learning rate, clip the gradients or normalise the weights",
      step,
    );
  }
  const [batch, lossSum] = [position.batch + 1, position.lossSum + loss];
  state.position = { ...position, step, batch, lossSum };
  return { type: "step", step, epoch, loss, rate, gradientNorm };
}

/** Ends an epoch: validation, history, best parameters. */
export async function endEpoch(run: TrainingRun): Promise<FitEvent> {
  const { state, plan } = run;
  const { position, history } = state;
  const epoch = position.epoch + 1;
  let record: EpochRecord = { epoch, trainLoss: position.lossSum / plan.batches };
  let best = false;
  if (run.validation !== undefined && state.params !== undefined) {
    const { validLoss, metric } = await validate(run, state.params, run.validation);
    record = { ...record, validLoss, ...(!Number.isNaN(metric) && { validMetric: metric }) };
    const highest = history[position.bestEpoch - 1]?.validMetric ?? -Infinity;
    best = metric > highest || state.best === undefined;
    if (best) {
      disposeArrays(state.best);
      state.best = keepArrays(state.params);
    }
  }
  history.push(record);
  const bestEpoch = best ? epoch : position.bestEpoch;
  state.position = { step: position.step, epoch, batch: 0, lossSum: 0, bestEpoch };
  return { type: "epoch", step: position.step, best, ...record };
}

/** Loss and metric on the validation networks; the metric is NaN where it is undefined. */
async function validate(
  { model, options, evaluator }: TrainingRun,
  params: Params,
  data: NetworkArrays,
): Promise<{ validLoss: number; metric: number }> {
  const { objective, metric } = options;
  const outputs = await evaluator.predict(params, data);
  const value = metric(objective.link(outputs, model.outputs), data.targets);
  return { validLoss: await lossOn(objective, outputs, data), metric: value };
}

async function lossOn(
  objective: Objective,
  outputs: Float32Array<ArrayBuffer>,
  data: NetworkArrays,
): Promise<number> {
  const shape = [data.size, outputs.length / data.size];
  const targets = np.array(Float32Array.from(data.targets), { shape });
  return scalar(objective.value(np.array(outputs, { shape }), targets));
}

/** The bytes of a checkpoint of this moment. */
export async function saveRun({
  state,
  step,
  model,
  setting,
  options,
}: TrainingRun): Promise<FitEvent> {
  const bytes = await saveState(state, model, setting, options.notes, step);
  return { type: "checkpoint", step: state.position.step, bytes };
}

/** Takes the best parameters out of a run, or the last ones without validation; the run no longer holds them. */
export function takeParams({ state }: TrainingRun): Params {
  const params = (state.best ?? state.params) as Params;
  if (state.best === undefined) state.params = undefined;
  else state.best = undefined;
  return params;
}
