// The training loop of networks in one compiled program: draw batches, take gradients, step, keep checkpoints.

import { blockUntilReady, numpy as np, tree } from "@jax-js/jax";
import { randomStream } from "../core/random.ts";
import { sizeOf } from "../core/shapes.ts";
import type { Weights } from "../core/tensors.ts";
import type { Task } from "../tasks/task.ts";
import { drawBatch, hostBatch, type Lesson } from "./lesson.ts";
import {
  decayFactors,
  type PopulationState,
  stepPopulation,
  stepRule,
  stepSizes,
} from "./population-step.ts";
import { type HyperParameters, networkSeed } from "./recipe.ts";

/** Networks leave a program in blocks of this size: few program sizes to compile, little work on stopped networks. */
const block = 32;

/** How long other work of the thread (timers, messages, a page) may have to wait. */
const breathMilliseconds = 50;

/** A run that is to be trained. */
export interface Member {
  /** Position of the run in the zoo. */
  readonly index: number;
  /** Position among the runs that were asked for. */
  readonly place: number;
  readonly hyper: HyperParameters;
  readonly lesson: Lesson;
}

export interface TogetherOptions {
  readonly task: Task;
  readonly seed: number;
  /** Examples a step, the same for all members. */
  readonly batch: number;
  readonly members: readonly Member[];
  /** Weights to train on from, by position in the zoo. @default fresh ones */
  readonly start?: (index: number) => Weights;
  /** The steps after which a run's weights are kept, ascending; the last is its last step. */
  readonly checkpointSteps: (hyper: HyperParameters) => readonly number[];
  /** Takes one tensor of one checkpoint; the values are copied by whoever wants to hold them. */
  readonly keep: (place: number, checkpoint: number, name: string, values: Float32Array) => void;
  /** Told after every step how many networks it trained. */
  readonly onStep: (running: number) => void;
  readonly signal?: AbortSignal;
}

type HostState = Readonly<Record<keyof PopulationState, Record<string, Float32Array>>>;
const stateKeys = ["weights", "first", "second"] as const;

/** Trains the members to their ends. */
export async function trainTogether(options: TogetherOptions): Promise<void> {
  const { task, seed, batch, members, signal } = options;
  const ordered = members.toSorted((a, b) => b.hyper.steps - a.hyper.steps || a.place - b.place);
  const schedule = ordered.map(({ hyper }) => options.checkpointSteps(hyper));
  const shapes = Object.entries(task.spec.tensors).map(([name, { shape }]) => ({
    name,
    shape,
    size: sizeOf(shape),
  }));

  /** The first `count` networks of a host state, as arrays. */
  const upload = (host: HostState, count: number): PopulationState =>
    mapState((key) =>
      Object.fromEntries(
        shapes.map(({ name, shape, size }) => {
          const data = host[key][name].slice(0, count * size);
          return [name, np.array(data, { shape: [count, ...shape], dtype: np.float32 })];
        }),
      ),
    );
  /** Keeps the checkpoints that are due after `step` steps. */
  const keepDue = async (weights: PopulationState["weights"], step: number): Promise<void> => {
    const due = ordered.flatMap(({ place }, at) =>
      schedule[at].flatMap((when, checkpoint) =>
        when === step ? [{ at, place, checkpoint }] : [],
      ),
    );
    if (due.length === 0) return;
    for (const { name, size } of shapes) {
      const values = (await weights[name].ref.data()) as Float32Array;
      for (const { at, place, checkpoint } of due)
        options.keep(place, checkpoint, name, values.subarray(at * size, (at + 1) * size));
    }
  };

  let host: HostState = mapState(() =>
    Object.fromEntries(
      shapes.map(({ name, size }) => [name, new Float32Array(ordered.length * size)]),
    ),
  );
  for (const [at, { index, hyper }] of ordered.entries()) {
    const initial =
      options.start?.(index) ??
      task.init(randomStream(networkSeed(seed, index, "init")), hyper.initialScale);
    for (const { name, size } of shapes) host.weights[name].set(initial[name].data, at * size);
  }
  let breath = performance.now();
  let active = ordered.length;
  let step = 0;
  while (active > 0) {
    const running = ordered.slice(0, active);
    const hypers = running.map(({ hyper }) => hyper);
    const blockEnd = runUntil(hypers);
    const [rule, decay] = [stepRule(hypers), decayFactors(hypers)];
    const { arrays, parts } = hostBatch(task, active, batch);
    let state = upload(host, active);
    while (step < blockEnd) {
      signal?.throwIfAborted();
      for (const [at, { hyper, lesson }] of running.entries()) {
        if (step < hyper.steps) drawBatch(task, lesson, batch, parts[at]);
      }
      const examples = Object.entries(arrays).map(
        ([name, { shape, data }]) => [name, np.array(data, { shape: [...shape] })] as const,
      );
      const kept = Object.entries(state.weights).map(([name, w]) => [name, w.ref] as const);
      const gradients = task.gradients(Object.fromEntries(kept), Object.fromEntries(examples));
      state = stepPopulation(state, gradients, rule, stepSizes(hypers, step), decay);
      await blockUntilReady(state);
      options.onStep(hypers.filter(({ steps }) => step < steps).length);
      step++;
      await keepDue(state.weights, step);
      if (performance.now() - breath > breathMilliseconds) {
        await new Promise((resolve) => setTimeout(resolve));
        breath = performance.now();
      }
    }
    tree.dispose({ ...rule, decay });
    host = await download(state);
    active = ordered.filter(({ hyper }) => hyper.steps > step).length;
  }
}

/** The step by which a whole block of the given networks, in order of stopping, has stopped. */
function runUntil(hypers: readonly { readonly steps: number }[]): number {
  const last = hypers.length % block === 0 ? block : hypers.length % block;
  return hypers[Math.max(0, hypers.length - last)].steps;
}

const mapState = <T>(make: (key: keyof PopulationState) => T) =>
  Object.fromEntries(stateKeys.map((key) => [key, make(key)])) as Record<keyof PopulationState, T>;

/** Reads a state back to the host and frees it. */
async function download(state: PopulationState): Promise<HostState> {
  const host = mapState((): Record<string, Float32Array> => ({}));
  for (const key of stateKeys) {
    for (const [name, array] of Object.entries(state[key])) {
      host[key][name] = (await array.data()) as Float32Array;
    }
  }
  return host;
}
