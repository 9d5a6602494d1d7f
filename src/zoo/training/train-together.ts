// The training loop of networks in one compiled program: draw batches, take gradients, step, keep checkpoints.

import { blockUntilReady, numpy as np, tree } from "@jax-js/jax";
import { sizeOf } from "../../core/shapes.ts";
import {
  type ArrayRecord,
  arraysToHost,
  disposeArrays,
  type HostRecord,
  keepArrays,
} from "../../engine/arrays.ts";
import { hostStack, stackToArrays } from "../../engine/host-stack.ts";
import { breathing, initialWeights, type Member, type MembersOptions } from "./members.ts";
import { drawBatch } from "./run-data.ts";
import {
  initialOptimizerState,
  type PopulationState,
  stepPopulation,
  stepRule,
  stepSizes,
} from "./population-step.ts";

/** Networks leave a program in blocks of this size: few program sizes to compile, little work on stopped networks. */
const block = 32;

/** Weights [n, ...shape] and the state of their optimizer on the host. */
interface HostState {
  readonly weights: HostRecord;
  readonly optimizer: HostRecord;
}

/** Trains the members to their ends. */
export async function trainTogether(options: MembersOptions): Promise<void> {
  const { task, batch, members, signal } = options;
  const ordered = members.toSorted((a, b) => b.hyper.steps - a.hyper.steps || a.place - b.place);
  const schedule = ordered.map(({ hyper }) => options.checkpointSteps(hyper));
  let host = await initialState(options, ordered);
  const breathe = breathing();
  let active = ordered.length;
  let step = 0;
  while (active > 0) {
    const running = ordered.slice(0, active);
    const hypers = running.map(({ hyper }) => hyper);
    const blockEnd = runUntil(hypers);
    const rule = stepRule(hypers);
    const examples = hostStack(task.batchShapes(batch), active);
    let state: PopulationState = {
      weights: upload(host.weights, active),
      optimizer: upload(host.optimizer, active),
    };
    while (step < blockEnd) {
      signal?.throwIfAborted();
      for (const [at, { hyper, trainingData }] of running.entries()) {
        if (step < hyper.steps) drawBatch(task, trainingData, batch, examples.parts[at]);
      }
      const gradients = task.gradients(keepArrays(state.weights), stackToArrays(examples));
      state = stepPopulation(state, gradients, rule, stepSizes(hypers, step, options.schedule));
      await blockUntilReady(state);
      options.onStep(hypers.filter(({ steps }) => step < steps).length);
      step++;
      await keepDue(options, ordered, schedule, state.weights, step);
      await breathe();
    }
    tree.dispose(rule);
    host = {
      weights: await arraysToHost(state.weights),
      optimizer: await arraysToHost(state.optimizer),
    };
    tree.dispose(state);
    active = ordered.filter(({ hyper }) => hyper.steps > step).length;
  }
}

/** Every member's weights before its first step, and the state of a rule that has seen nothing. */
async function initialState(
  options: MembersOptions,
  ordered: readonly Member[],
): Promise<HostState> {
  const initial = ordered.map((member) => initialWeights(options, member));
  const weights = Object.fromEntries(
    Object.entries(options.task.spec.tensors).map(([name, { shape }]) => {
      const size = sizeOf(shape);
      const data = new Float32Array(ordered.length * size);
      for (const [at, network] of initial.entries()) data.set(network[name].data, at * size);
      return [name, { shape: [ordered.length, ...shape], data }];
    }),
  );
  const arrays = upload(weights, ordered.length);
  const state = initialOptimizerState(arrays);
  const optimizer = await arraysToHost(state);
  disposeArrays(arrays);
  disposeArrays(state);
  return { weights, optimizer };
}

/** The first `count` networks of a record [n, ...shape], as arrays. */
function upload(record: HostRecord, count: number): ArrayRecord {
  return Object.fromEntries(
    Object.entries(record).map(([name, { shape, data }]) => {
      const part = Float32Array.from(data.slice(0, count * sizeOf(shape.slice(1))));
      return [name, np.array(part, { shape: [count, ...shape.slice(1)], dtype: np.float32 })];
    }),
  );
}

/** Keeps the checkpoints that are due after `step` steps. Keeps the weights. */
async function keepDue(
  { keep }: MembersOptions,
  ordered: readonly Member[],
  schedule: readonly (readonly number[])[],
  weights: PopulationState["weights"],
  step: number,
): Promise<void> {
  const due = ordered.flatMap(({ place }, at) =>
    schedule[at].flatMap((when, checkpoint) => (when === step ? [{ at, place, checkpoint }] : [])),
  );
  if (due.length === 0) return;
  for (const [name, array] of Object.entries(weights)) {
    const values = (await array.ref.data()) as Float32Array;
    const size = sizeOf(array.shape.slice(1));
    for (const { at, place, checkpoint } of due)
      keep(place, checkpoint, name, values.subarray(at * size, (at + 1) * size));
  }
}

/** The step by which a whole block of the given networks, in order of stopping, has stopped. */
function runUntil(hypers: readonly { readonly steps: number }[]): number {
  const last = hypers.length % block === 0 ? block : hypers.length % block;
  return hypers[Math.max(0, hypers.length - last)].steps;
}
