// The arrays a training run owns and where it stands: made fresh or from a checkpoint, saved to a checkpoint, disposed.

import { OptionError, ShapeError } from "../core/errors.ts";
import { equalShapes, formatShape } from "../core/shapes.ts";
import type { Model, Params } from "../models/model.ts";
import { specToJSON } from "../symmetry/json.ts";
import { arraysFromHost, arraysToHost, disposeArrays, type HostRecord } from "../engine/arrays.ts";
import {
  type Checkpoint,
  type EpochRecord,
  readCheckpoint,
  type TrainingPosition,
  writeCheckpoint,
} from "./checkpoint.ts";
import type { Optimizer } from "./optimizers/optimizers.ts";
import type { OptimizerState } from "./optimizers/update-rules.ts";
import type { TrainStep } from "./train-step.ts";

/** Mutable by design: the one place where a run's arrays change hands. */
export interface RunState {
  params: Params | undefined;
  /** As the step takes it. */
  optimizer: OptimizerState | undefined;
  best: Params | undefined;
  position: TrainingPosition;
  history: EpochRecord[];
}

export type RunSetting = Checkpoint["setting"];

/** A run that has not begun. */
export async function freshState(
  model: Model,
  optimizer: Optimizer,
  seed: number,
  { packed }: TrainStep,
): Promise<RunState> {
  const params = model.init(seed);
  return {
    params,
    optimizer: await packed(optimizer.init(params), params),
    best: undefined,
    position: { step: 0, epoch: 0, batch: 0, lossSum: 0, bestEpoch: 0 },
    history: [],
  };
}

function checkRecord(what: string, found: HostRecord, expected: Params | OptimizerState): void {
  for (const [path, array] of Object.entries(expected)) {
    if (!Object.hasOwn(found, path)) {
      throw new ShapeError(`fit: the checkpoint has no ${what} "${path}"; it is of another model`);
    }
    if (!equalShapes(found[path].shape, array.shape)) {
      throw new ShapeError(
        `fit: ${what} "${path}" expected shape ${formatShape(array.shape)}, got ` +
          `${formatShape(found[path].shape)} in the checkpoint; resume with the same model options`,
      );
    }
  }
  const extra = Object.keys(found).find((path) => !Object.hasOwn(expected, path));
  if (extra !== undefined) {
    throw new ShapeError(`fit: the checkpoint has an unknown ${what} "${extra}"`);
  }
}

/**
 * The state a checkpoint holds.
 * @throws {OptionError} naming the setting that differs; {ShapeError} naming the parameter that does not fit.
 */
export async function resumedState(
  bytes: Uint8Array,
  model: Model,
  optimizer: Optimizer,
  setting: RunSetting,
  { packed }: TrainStep,
): Promise<RunState> {
  const checkpoint = await readCheckpoint(bytes);
  const differs = (name: string, expected: unknown, found: unknown): never => {
    throw new OptionError(
      `fit: cannot resume, ${name} expected ${String(expected)} as in this run, got ${String(found)} ` +
        "in the checkpoint; resume with the options of the first run or start afresh",
    );
  };
  if (checkpoint.model !== model.name) differs("model", model.name, checkpoint.model);
  for (const [name, value] of Object.entries(setting)) {
    if (checkpoint.setting[name] !== value) differs(name, value, checkpoint.setting[name]);
  }
  const [expected, found] = [model.spec, checkpoint.spec].map((s) => JSON.stringify(specToJSON(s)));
  if (expected !== found) differs("spec", "the same spec", "another one");
  const params = model.init(0);
  const state = optimizer.init(params);
  try {
    checkRecord("parameter", checkpoint.params, params);
    if (checkpoint.best !== undefined) checkRecord("best parameter", checkpoint.best, params);
    checkRecord("optimizer state", checkpoint.optimizer, state);
  } finally {
    disposeArrays(params);
    disposeArrays(state);
  }
  const resumed = arraysFromHost(checkpoint.params);
  return {
    params: resumed,
    optimizer: await packed(arraysFromHost(checkpoint.optimizer), resumed),
    best: checkpoint.best === undefined ? undefined : arraysFromHost(checkpoint.best),
    position: checkpoint.position,
    history: [...checkpoint.history],
  };
}

/** The bytes of a checkpoint of this moment. */
export async function saveState(
  state: RunState,
  model: Model,
  setting: RunSetting,
  notes: Checkpoint["notes"],
  { unpacked }: TrainStep,
): Promise<Uint8Array> {
  const optimizer = await unpacked(state.optimizer ?? {}, state.params ?? {});
  const held = await arraysToHost(optimizer);
  disposeArrays(optimizer);
  return writeCheckpoint({
    model: model.name,
    spec: model.spec,
    setting,
    position: state.position,
    history: state.history,
    notes,
    params: await arraysToHost(state.params ?? {}),
    optimizer: held,
    ...(state.best === undefined ? {} : { best: await arraysToHost(state.best) }),
  });
}

/** Gives up every array the run still owns. */
export function disposeState(state: RunState): void {
  disposeArrays(state.params);
  disposeArrays(state.optimizer);
  disposeArrays(state.best);
  state.params = state.optimizer = state.best = undefined;
}
