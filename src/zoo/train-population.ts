// Trains many networks at once in one compiled program. Networks are ordered by stopping time, longest first; whenever
// a block of them has stopped, the program goes on with the others only.

import { blockUntilReady, numpy as np, tree } from "@jax-js/jax";
import { sizeOf } from "../core/shapes.ts";
import { randomStream } from "../core/random.ts";
import { startEngine } from "../engine/start.ts";
import type { Weights } from "../core/tensors.ts";
import type { Task } from "../tasks/task.ts";
import { evaluatePopulation } from "./evaluate.ts";
import { drawBatch, drawLesson, trainingRows } from "./lesson.ts";
import {
  decayFactors,
  type PopulationState,
  stepPopulation,
  stepRule,
  stepSizes,
} from "./population-step.ts";
import { drawHyperParameters, networkSeed, type Recipe } from "./recipe.ts";
import type { Population, Stacks } from "./population.ts";
import type { Run } from "./run.ts";

/** Networks leave a program in blocks of this size: few program sizes to compile, little work on stopped networks. */
const block = 32;

/** How long other work of the thread (timers, messages, a page) may have to wait. */
const breathMilliseconds = 50;

export interface PopulationOptions {
  readonly task: Task;
  readonly recipe: Recipe;
  readonly seed: number;
  /** Which networks of the zoo, in any order. */
  readonly indices: readonly number[];
  /** Weights from which a network goes on learning, by its index. @default fresh ones, as the task draws them */
  readonly start?: (index: number) => Weights;
  /** Told after every step how much of the work is done, from 0 to 1. */
  readonly onStep?: (done: number) => void;
  readonly signal?: AbortSignal;
}

type HostState = Readonly<Record<keyof PopulationState, Record<string, Float32Array>>>;
const stateKeys = ["weights", "first", "second"] as const;

/**
 * Trained weights and results of the given networks: each the same, bit for bit, whichever others are trained with it.
 * Memory: about 0.5 MB a network, most of it while they are evaluated. Starts the engine when it is not running.
 */
export async function trainPopulation(options: PopulationOptions): Promise<Population> {
  const { task, recipe, seed, indices, signal } = options;
  await startEngine();
  const members = indices.map((index, place) => {
    const hyper = drawHyperParameters(recipe, seed, index);
    return { index, place, hyper, lesson: drawLesson(task, hyper, seed, index) };
  });
  const ordered = [...members].sort((a, b) => b.hyper.steps - a.hyper.steps || a.place - b.place);
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
  const stacks: Stacks = Object.fromEntries(
    shapes.map(({ name, shape, size }) => [
      name,
      { shape: [ordered.length, ...shape], data: new Float32Array(ordered.length * size) },
    ]),
  );
  /** Takes the weights of networks `from` to `to`, which have stopped, out of a host state. */
  const collect = (from: number, to: number): void => {
    for (const { name, size } of shapes) {
      for (let at = from; at < to; at++) {
        const weights = host.weights[name].subarray(at * size, (at + 1) * size);
        stacks[name].data.set(weights, ordered[at].place * size);
      }
    }
  };

  const rows = trainingRows(task);
  const totalWork = ordered.reduce((sum, { hyper }) => sum + hyper.steps, 0);
  let doneWork = 0;
  let breath = performance.now();
  let active = ordered.length;
  let step = 0;
  while (active > 0) {
    const running = ordered.slice(0, active);
    const hypers = running.map(({ hyper }) => hyper);
    const blockEnd = runUntil(hypers);
    const [rule, decay] = [stepRule(hypers), decayFactors(hypers)];
    const inputs = new Float32Array(active * recipe.batch * task.features);
    const targets = new Float32Array(active * task.classes * recipe.batch);
    let state = upload(host, active);
    for (; step < blockEnd; step++) {
      signal?.throwIfAborted();
      for (const [at, { hyper, lesson }] of running.entries()) {
        if (step < hyper.steps)
          drawBatch(lesson, rows, task.classes, recipe.batch, at, inputs, targets);
      }
      const gradients = task.gradients(
        Object.fromEntries(Object.entries(state.weights).map(([name, w]) => [name, w.ref])),
        np.array(inputs, { shape: [active, recipe.batch, task.features] }),
        np.array(targets, { shape: [active, task.classes, recipe.batch] }),
      );
      state = stepPopulation(state, gradients, rule, stepSizes(hypers, step), decay);
      await blockUntilReady(state);
      for (const { steps } of hypers) if (step < steps) doneWork++;
      options.onStep?.(doneWork / totalWork);
      if (performance.now() - breath > breathMilliseconds) {
        await new Promise((resolve) => setTimeout(resolve));
        breath = performance.now();
      }
    }
    tree.dispose({ ...rule, decay });
    host = await download(state);
    const left = ordered.filter(({ hyper }) => hyper.steps > step).length;
    collect(left, active);
    active = left;
  }
  const results = await evaluatePopulation(
    task,
    stacks,
    members.map(({ lesson }) => lesson),
  );
  const runs = members.map(({ index, hyper }, place): Run =>
    Object.freeze({ index, ...hyper, ...results[place] }),
  );
  return { weights: stacks, runs };
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
