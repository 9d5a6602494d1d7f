// Trains n networks of a task side by side by one optimizer, and follows their losses.

import { jit } from "@jax-js/jax";
import { periodicYield } from "../../core/event-loop.ts";
import { deriveSeed, randomStream } from "../../core/random.ts";
import { disposeArrays } from "../../engine/arrays.ts";
import { hostStack, stackToArrays } from "../../engine/host-stack.ts";
import { settle } from "../../engine/settle.ts";
import type { Params } from "../../models/model.ts";
import type { InnerTask } from "../../tasks/inner/inner-task.ts";
import { applyUpdates } from "../../train/optimizers/update-rules.ts";
import { networkBatches } from "../network-batches.ts";
import { tensorList } from "../theta-file.ts";
import type { ManyRule } from "./entries.ts";

/** Which networks {@link trainNetworks} trains, and how long. */
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
  const stack = hostStack(tensorList(task.spec), seeds.length);
  for (const [at, seed] of seeds.entries()) {
    const weights = task.init(randomStream(deriveSeed(seed, "weights")));
    for (const [name, part] of Object.entries(stack.parts[at])) part.set(weights[name].data);
  }
  return stackToArrays(stack);
}

/** Steps that compile what later ones run: they do not count for time. */
const compilingSteps = 2;

const finite = (loss: number): number => (Number.isFinite(loss) ? loss : Infinity);

/** The curves of all networks. @throws the signal's reason after an abort */
export async function trainNetworks(options: NetworksOptions): Promise<NetworkCurves> {
  const { task, rule, seeds, steps, every, signal, onPoint } = options;
  const moved = jit((params: Params, updates: Params) => applyUpdates(params, updates));
  const streams = seeds.map((seed) => randomStream(deriveSeed(seed, "batches")));
  let params = initialParams(task, seeds);
  let state = rule.init(params);
  const curves = { steps: [] as number[], test: seeds.map(() => [] as number[]) };
  const train = seeds.map(() => [] as number[]);
  let sums = seeds.map(() => 0);
  let seconds = 0;
  const turn = periodicYield(); // lets an abort in
  try {
    for (let step = 1; step <= steps; step++) {
      await turn();
      signal?.throwIfAborted();
      const began = performance.now();
      const { losses, gradients } = task.lossAndGradients(params, networkBatches(task, streams));
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
