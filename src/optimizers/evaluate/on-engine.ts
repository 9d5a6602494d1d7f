// Networks whose losses, gradients and steps are taken by the array engine.

import { jit } from "@jax-js/jax";
import { deriveSeed, randomStream } from "../../core/random.ts";
import { disposeArrays } from "../../engine/arrays.ts";
import { hostStack, type HostStack, stackToArrays } from "../../engine/host-stack.ts";
import { settle } from "../../engine/settle.ts";
import type { Params } from "../../models/model.ts";
import { applyUpdates } from "../../train/optimizers/update-rules.ts";
import { networkBatches } from "../network-batches.ts";
import { tensorList } from "../theta-file.ts";
import type { NetworksStart, NetworksUnderWay } from "./networks-under-way.ts";

/** Initial weights of all networks. */
export function initialStack({ task, seeds }: Pick<NetworksStart, "task" | "seeds">): HostStack {
  const stack = hostStack(tensorList(task.spec), seeds.length);
  for (const [at, seed] of seeds.entries()) {
    const weights = task.init(randomStream(deriveSeed(seed, "weights")));
    for (const [name, part] of Object.entries(stack.parts[at])) part.set(weights[name].data);
  }
  return stack;
}

/** The batches of all networks. */
export const batchStreams = (seeds: readonly number[]) =>
  seeds.map((seed) => randomStream(deriveSeed(seed, "batches")));

export function networksOnEngine(start: NetworksStart): NetworksUnderWay {
  const { task, rule, seeds, turn } = start;
  const moved = jit((params: Params, updates: Params) => applyUpdates(params, updates));
  const streams = batchStreams(seeds);
  let params: Params = stackToArrays(initialStack(start));
  let state = rule.init(params);
  return {
    async advance(steps) {
      const sums = seeds.map(() => 0);
      let seconds = 0;
      for (let step = 0; step < steps; step++) {
        await turn();
        const began = performance.now();
        const { losses, gradients } = task.lossAndGradients(params, networkBatches(task, streams));
        const [updates, next] = rule.update(gradients, state, params);
        params = moved(params, updates);
        state = next;
        await settle([...Object.values(params), ...Object.values(state)]);
        for (const [at, loss] of (await losses.data()).entries()) sums[at] += loss;
        seconds += (performance.now() - began) / 1000;
      }
      return { losses: sums, seconds };
    },
    async testLosses() {
      const evaluated = rule.evaluated?.(state, params) ?? params;
      const losses = await task.testLoss(evaluated);
      if (evaluated !== params) disposeArrays(evaluated);
      return losses;
    },
    close() {
      disposeArrays(params);
      disposeArrays(state);
    },
  };
}
