// Training a model over weights: an async generator of events. The caller decides what to do with them: draw bars,
// store checkpoints, stop. Resuming from any checkpoint gives the same parameters to the bit.

import { blockUntilReady, numpy as np, random } from "@jax-js/jax";
import { deriveSeed } from "../core/random.ts";
import { sizeOf } from "../core/shapes.ts";
import { startEngine } from "../engine/start.ts";
import type { Model, Params } from "../models/model.ts";
import { disposeArrays, keepArrays } from "../engine/arrays.ts";
import { batchPlan } from "./batches.ts";
import type { EpochRecord } from "./checkpoint.ts";
import { batchArrays, type NetworkArrays } from "./dataset.ts";
import { breather } from "../core/event-loop.ts";
import type { FitEvent } from "./events.ts";
import { checkFitData, type FitData, type FitOptions, fullFitOptions } from "./fit-options.ts";
import type { Loss } from "./measures/losses.ts";
import { predictor } from "./predict.ts";
import { onVectors, readVectors } from "./read-vectors.ts";
import { disposeState, freshState, resumedState, type RunState, saveState } from "./run-state.ts";
import { trainStep } from "./train-step.ts";
import { TrainingError } from "./training-error.ts";

async function scalar(array: np.Array): Promise<number> {
  return (await array.data())[0];
}

/** Epochs passed since the best one. */
function stalled({ position }: RunState): number {
  return position.epoch - position.bestEpoch;
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

async function validationLoss(loss: Loss, outputs: Float32Array<ArrayBuffer>, data: NetworkArrays) {
  const shape = [data.size, outputs.length / data.size];
  const targets = np.array(Float32Array.from(data.targets), { shape });
  return scalar(loss.value(np.array(outputs, { shape }), targets));
}

/**
 * Trains a model and tells what happens. Events: one `start`, then `step`s, an `epoch` after each pass, `checkpoint`s
 * (always one after the last step), one `done` with the parameters. Ending the loop early (`break`) frees everything.
 *
 * ```ts
 * for await (const event of fit(model, { train, validation }, { epochs: 50, seed: 0 })) {
 *   if (event.type === "epoch") report(event.epoch, event.trainLoss, event.validMetric);
 *   if (event.type === "done") params = event.params;
 * }
 * ```
 * @throws {OptionError} {ShapeError} before the first event; {TrainingError} naming the step at which the loss or the
 * gradient stopped being finite.
 */
export async function* fit(
  model: Model,
  data: FitData,
  options: FitOptions,
): AsyncGenerator<FitEvent, void, undefined> {
  const full = fullFitOptions(options);
  const { epochs, seed, loss, optimizer, metric, patience, signal } = full;
  checkFitData(model, data);
  await startEngine();
  const plan = batchPlan(data.train.size, full.batchSize, seed);
  const steps = epochs * plan.batches;
  const every = full.checkpointEvery ?? plan.batches;
  const setting = {
    seed,
    batchSize: plan.batchSize,
    networks: plan.size,
    loss: loss.name,
    optimizer: optimizer.name,
    clipNorm: full.clipNorm ?? "none",
    dropout: String(full.dropout),
  };
  const { read, train, validation } = await asRead(model, data, plan.batchSize);
  const run =
    full.resume === undefined
      ? freshState(model, optimizer, seed)
      : await resumedState(full.resume, model, optimizer, setting);
  const step = trainStep(read, loss, optimizer, full.clipNorm);
  const evaluator = predictor(read, plan.batchSize);

  /** Runs one step; moves the position but does not end the epoch. */
  const advance = async (): Promise<FitEvent> => {
    const { position } = run;
    const rate = full.rate(position.step, steps);
    const { params, optimizer: state } = run as Required<RunState>;
    run.params = run.optimizer = undefined; // the step consumes them
    const number = position.step + 1;
    const result = await step.run({
      params: params as Params,
      state: state ?? {},
      ...batchArrays(train, plan.indices(position.epoch, position.batch)),
      rate: np.array(rate, { dtype: np.float32 }),
      ...(full.dropout ? { key: random.key(deriveSeed(seed, "dropout", number)) } : {}),
    });
    run.params = result.params;
    run.optimizer = result.state;
    await blockUntilReady(result);
    const [value, norm] = [await scalar(result.loss), await scalar(result.norm)];
    if (!Number.isFinite(value) || !Number.isFinite(norm)) {
      const what = Number.isFinite(value) ? `the gradient norm is ${norm}` : `the loss is ${value}`;
      throw new TrainingError(
        `fit: ${what} at step ${number} of ${steps} (epoch ${position.epoch + 1}), expected a finite ` +
          "number; lower the learning rate, clip the gradients or normalise the weights",
        number,
      );
    }
    run.position = {
      ...position,
      step: number,
      batch: position.batch + 1,
      lossSum: position.lossSum + value,
    };
    const epoch = position.epoch + 1;
    return { type: "step", step: number, epoch, loss: value, rate, gradientNorm: norm };
  };

  /** Ends an epoch: validation, history, best parameters. */
  const endEpoch = async (): Promise<FitEvent> => {
    const { position, history } = run;
    const epoch = position.epoch + 1;
    let record: EpochRecord = { epoch, trainLoss: position.lossSum / plan.batches };
    let best = false;
    if (validation !== undefined && run.params !== undefined) {
      const outputs = await evaluator.predict(run.params, validation);
      const value = metric(loss.link(outputs, model.outputs), validation.targets);
      record = { ...record, validLoss: await validationLoss(loss, outputs, validation) };
      if (!Number.isNaN(value)) record = { ...record, validMetric: value };
      const highest = history[position.bestEpoch - 1]?.validMetric ?? -Infinity;
      best = value > highest || run.best === undefined;
      if (best) {
        disposeArrays(run.best);
        run.best = keepArrays(run.params);
      }
    }
    history.push(record);
    const bestEpoch = best ? epoch : position.bestEpoch;
    run.position = { step: position.step, epoch, batch: 0, lossSum: 0, bestEpoch };
    return { type: "epoch", step: position.step, best, ...record };
  };

  try {
    const parameters = Object.values(run.params ?? {}).reduce((n, a) => n + sizeOf(a.shape), 0);
    const resumedAt = run.position.step;
    const [name, stepsPerEpoch] = [model.name, plan.batches];
    yield { type: "start", model: name, parameters, epochs, stepsPerEpoch, resumedAt };
    let saved = full.resume === undefined ? -1 : resumedAt;
    const checkpoint = async (): Promise<FitEvent> => {
      saved = run.position.step;
      const bytes = await saveState(run, model, setting, full.notes);
      return { type: "checkpoint", step: saved, bytes };
    };
    const early = () =>
      patience !== undefined && validation !== undefined && stalled(run) >= patience;
    const breathe = breather();
    const aborted = () => signal?.aborted === true;
    while (run.position.epoch < epochs && !early() && !aborted()) {
      yield await advance();
      await breathe();
      if (run.position.batch === plan.batches) yield await endEpoch();
      if (every > 0 && run.position.step % every === 0) yield await checkpoint();
    }
    if (saved !== run.position.step) yield await checkpoint();
    const finished = run.position.epoch >= epochs;
    const reason = finished ? "finished" : early() ? "stopped-early" : "aborted";
    const params = (run.best ?? run.params) as Params;
    if (run.best === undefined) run.params = undefined;
    else run.best = undefined; // from here on the receiver owns them
    const { step: last, bestEpoch } = run.position;
    yield { type: "done", reason, step: last, params, bestEpoch, history: [...run.history] };
  } finally {
    disposeState(run);
    step.dispose();
    evaluator.dispose();
  }
}
