// The training budget that `train` and experiments give every functional, and what it means for `fit`.

import type { ModelOptions } from "../models/registry.ts";
import type { FitOptions } from "../train/fit-options.ts";
import { warmupCosine } from "../train/schedules.ts";

export interface Budget {
  /** Passes over the training networks. */
  readonly epochs: number;
  /** Networks per step. */
  readonly batchSize: number;
  /** Peak learning rate. */
  readonly rate: number;
  /** Largest norm of the gradients. */
  readonly clipNorm: number;
}

/** One epoch of warm-up, then a cosine; random keys only for models that drop units. */
export function budgetOptions(
  { epochs, batchSize, rate, clipNorm }: Budget,
  trainingNetworks: number,
  model: ModelOptions,
): Required<Pick<FitOptions, "epochs" | "batchSize" | "rate" | "clipNorm" | "dropout">> {
  const warmup = Math.ceil(trainingNetworks / batchSize);
  const dropout = typeof model["dropout"] === "number" && model["dropout"] > 0;
  return { epochs, batchSize, clipNorm, rate: warmupCosine({ rate, warmup }), dropout };
}
