// Trains n networks of a task side by side by one optimizer, and follows their losses.

import { jit, numpy as np } from "@jax-js/jax";
import { deriveSeed, randomStream } from "../../core/random.ts";
import { sizeOf } from "../../core/shapes.ts";
import { arraysFromHost, disposeArrays } from "../../engine/arrays.ts";
import { settle } from "../../engine/settle.ts";
import type { Params } from "../../models/model.ts";
import type { InnerTask } from "../../tasks/inner/inner-task.ts";
import { applyUpdates } from "../../train/optimizers/update-rules.ts";
import type { ManyRule } from "./entries.ts";

export interface NetworksOptions {
  readonly task: InnerTask;
  readonly rule: ManyRule;
  /** One a network: decides its initial weights and its batches. */
  readonly seeds: readonly number[];
  readonly steps: number;
  /** Steps between two test losses. */
  readonly every: number;
  readonly signal?: AbortSignal;
  /** Called after every test loss. */
  readonly onPoint?: (step: number) => void;
}

/** Losses of networks after the same steps. */
export interface NetworkCurves {
  readonly steps: readonly number[];
  /** Per network, on held-out examples; Infinity where they are not finite. */
  readonly test: readonly (readonly number[])[];
  /** Per network, mean over the batches since the point before. */
  readonly train: readonly (readonly number[])[];
  /** Seconds of a step of one network: of all of them over their number, without test losses and the first two steps. */
  readonly secondsPerStep: number;
}

/** Initial weights [n, ...shape]. */
function initialParams(task: InnerTask, seeds: readonly number[]): Params {
  const networks = seeds.map((seed) => task.init(randomStream(deriveSeed(seed, "weights"))));
  return arraysFromHost(
    Object.fromEntries(
      Object.entries(task.spec.tensors).map(([name, { shape }]) => [
        name,
        {
          shape: [networks.length, ...shape],
          data: Float32Array.from(networks.flatMap((network) => Array.from(network[name].data))),
        },
      ]),
    ),
  );
}

/** A maker of batches [n, ...] from one stream a network. */
function batches(task: InnerTask, seeds: readonly number[]) {
  const streams = seeds.map((seed) => randomStream(deriveSeed(seed, "batches")));
  const shapes = Object.entries(task.batchShapes).map(([name, shape]) => ({
    name,
    shape,
    size: sizeOf(shape),
  }));
  return () => {
    const arrays = shapes.map(({ size }) => new Float32Array(streams.length * size));
    for (const [at, stream] of streams.entries()) {
      const own = shapes.map(({ name, size }, i): [string, Float32Array] => [
        name,
        arrays[i].subarray(at * size, (at + 1) * size),
      ]);
      task.writeBatch(Object.fromEntries(own), stream);
    }
    return Object.fromEntries(
      shapes.map(({ name, shape }, i) => [
        name,
        np.array(arrays[i], { shape: [streams.length, ...shape] }),
      ]),
    );
  };
}

/** Steps that compile what later ones run: they do not count for time. */
const compilingSteps = 2;

const finite = (loss: number): number => (Number.isFinite(loss) ? loss : Infinity);

/** The curves of all networks. @throws the signal's reason after an abort */
export async function trainNetworks(options: NetworksOptions): Promise<NetworkCurves> {
  const { task, rule, seeds, steps, every, signal, onPoint } = options;
  const moved = jit((params: Params, updates: Params) => applyUpdates(params, updates));
  const nextBatch = batches(task, seeds);
  let params = initialParams(task, seeds);
  let state = rule.init(params);
  const curves = { steps: [] as number[], test: seeds.map(() => [] as number[]) };
  const train = seeds.map(() => [] as number[]);
  let sums = seeds.map(() => 0);
  let seconds = 0;
  try {
    for (let step = 1; step <= steps; step++) {
      signal?.throwIfAborted();
      const began = performance.now();
      const { losses, gradients } = task.lossAndGradients(params, nextBatch());
      const [updates, next] = rule.update(gradients, state, params);
      params = moved(params, updates);
      state = next;
      await settle([...Object.values(params), ...Object.values(state)]);
      const found = await losses.data();
      if (step > compilingSteps) seconds += (performance.now() - began) / 1000;
      sums = sums.map((sum, at) => sum + found[at]);
      if (step % every !== 0) continue;
      const evaluated = rule.evaluated?.(state, params) ?? params;
      const tested = await task.testLoss(evaluated);
      if (evaluated !== params) disposeArrays(evaluated);
      curves.steps.push(step);
      for (const [at, loss] of tested.entries()) {
        curves.test[at].push(finite(loss));
        train[at].push(finite(sums[at] / every));
      }
      sums = seeds.map(() => 0);
      onPoint?.(step);
    }
  } finally {
    disposeArrays(params);
    disposeArrays(state);
  }
  const counted = Math.max(1, steps - compilingSteps);
  return { ...curves, train, secondsPerStep: seconds / (counted * seeds.length) };
}
