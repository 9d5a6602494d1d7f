// Training a model over weights: an async generator of events. The caller decides what to do with them: draw bars,
// store checkpoints, stop. Resuming from any checkpoint gives the same parameters to the bit.

import { periodicYield } from "../core/event-loop.ts";
import { sizeOf } from "../core/shapes.ts";
import { startEngine } from "../engine/start.ts";
import type { Model } from "../models/model.ts";
import type { FitEvent } from "./events.ts";
import { checkFitData, type FitData, type FitOptions, fullFitOptions } from "./fit-options.ts";
import {
  advance,
  closeRun,
  endEpoch,
  openRun,
  saveRun,
  takeParams,
  type TrainingRun,
} from "./training-run.ts";
import { TrainingError } from "./training-error.ts";

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
 * gradient stopped being finite, or when the loss on the validation networks never was.
 */
export async function* fit(
  model: Model,
  data: FitData,
  options: FitOptions,
): AsyncGenerator<FitEvent, void, undefined> {
  const full = fullFitOptions(options);
  checkFitData(model, data);
  await startEngine();
  const run = await openRun(model, data, full);
  try {
    yield* runToEnd(run);
  } finally {
    closeRun(run);
  }
}

async function* runToEnd(run: TrainingRun): AsyncGenerator<FitEvent, void, undefined> {
  const { state, plan } = run;
  const { epochs, resume, checkpointEvery: every = plan.batches } = run.options;
  yield startOf(run);
  let saved = resume === undefined ? -1 : state.position.step;
  const checkpoint = async (): Promise<FitEvent> => {
    saved = state.position.step;
    return saveRun(run);
  };
  const yieldToEventLoop = periodicYield();
  while (state.position.epoch < epochs && !isStalled(run) && !isAborted(run)) {
    yield await advance(run);
    await yieldToEventLoop();
    if (state.position.batch === plan.batches) yield await endEpoch(run);
    if (every > 0 && state.position.step % every === 0) yield await checkpoint();
  }
  if (saved !== state.position.step) yield await checkpoint();
  const { step, epoch, bestEpoch } = state.position;
  if (!isAborted(run)) checkJudged(run);
  const reason = epoch >= epochs ? "finished" : isStalled(run) ? "stopped-early" : "aborted";
  const history = [...state.history];
  yield { type: "done", reason, step, params: takeParams(run), bestEpoch, history };
}

/** @throws {TrainingError} when no epoch could be told from another, as predictions for validation networks were never all finite */
function checkJudged({ validation, state: { history, position } }: TrainingRun): void {
  const isJudged = history.some(({ validLoss }) => Number.isFinite(validLoss));
  if (validation === undefined || history.length === 0 || isJudged) return;
  throw new TrainingError(
    `fit: after none of ${history.length} epochs was the loss on the validation networks a finite number, so the best epoch is unknown; ` +
      "leave networks with enormous weights out, or normalise the weights",
    position.step,
  );
}

function startOf({ model, options, plan, state }: TrainingRun): FitEvent {
  return {
    type: "start",
    model: model.name,
    parameters: Object.values(state.params ?? {}).reduce((n, a) => n + sizeOf(a.shape), 0),
    epochs: options.epochs,
    stepsPerEpoch: plan.batches,
    resumedAt: state.position.step,
  };
}

const isAborted = ({ options: { signal } }: TrainingRun): boolean => signal?.aborted === true;

/** Whether so many epochs have passed since the best one that the run stops early. */
function isStalled({ options: { patience }, validation, state: { position } }: TrainingRun) {
  if (patience === undefined || validation === undefined) return false;
  return position.epoch - position.bestEpoch >= patience;
}
