// Trains n networks of a task side by side by one optimizer, and follows their losses.

import { periodicYield } from "../../core/event-loop.ts";
import type { InnerTask } from "../../tasks/inner/inner-task.ts";
import type { ManyRule } from "./entries.ts";
import type { NetworksStart } from "./networks-under-way.ts";
import { networksOnEngine } from "./on-engine.ts";
import { networksOnKernels } from "./on-kernels.ts";

/** Which networks {@link trainNetworks} trains, and how long. */
export interface NetworksOptions {
  readonly task: InnerTask;
  readonly rule: ManyRule;
  /** One a network: decides its initial weights and its batches. */
  readonly seeds: readonly number[];
  readonly steps: number;
  /** Steps between two test losses. */
  readonly every: number;
  /** What losses and gradients run on, and the steps of learned optimizers. @default kernels where the task has them */
  readonly backend?: "kernels" | "engine";
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

/** Steps that compile what later ones run: they do not count for time. */
const compilingSteps = 2;

const finite = (loss: number): number => (Number.isFinite(loss) ? loss : Infinity);

/** The curves of all networks. @throws the signal's reason after an abort */
export async function trainNetworks(options: NetworksOptions): Promise<NetworkCurves> {
  const { task, rule, seeds, steps, every, signal, onPoint } = options;
  const { backend = task.classifier === undefined ? "engine" : "kernels" } = options;
  const pause = periodicYield(); // lets an abort in
  const turn = async () => {
    await pause();
    signal?.throwIfAborted();
  };
  const start: NetworksStart = { task, rule, seeds, turn };
  const networks = backend === "engine" ? networksOnEngine(start) : networksOnKernels(start);
  const curves = { steps: [] as number[], test: seeds.map(() => [] as number[]) };
  const train = seeds.map(() => [] as number[]);
  let seconds = 0;
  try {
    for (let step = every; step <= steps; step += every) {
      const early = step === every ? Math.min(compilingSteps, every) : 0;
      const parts = [await networks.advance(early), await networks.advance(every - early)];
      seconds += parts[1].seconds;
      curves.steps.push(step);
      for (const [at, loss] of (await networks.testLosses()).entries()) {
        curves.test[at].push(finite(loss));
        train[at].push(finite((parts[0].losses[at] + parts[1].losses[at]) / every));
      }
      onPoint?.(step);
    }
  } finally {
    networks.close();
  }
  const counted = Math.max(1, steps - compilingSteps);
  return { ...curves, train, secondsPerStep: seconds / (counted * seeds.length) };
}
