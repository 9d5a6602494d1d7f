// The training budget that `train` and experiments give every functional, and what it means for `fit`.

import type { ModelOptions } from "../models/registry.ts";
import type { FitOptions } from "../train/fit-options.ts";
import { adamW } from "../train/optimizers/optimizers.ts";
import { constant, warmupCosine } from "../train/optimizers/schedules.ts";

export const scheduleNames = ["cosine", "constant"] as const;

/** How long and with which rate functionals are trained. */
export interface Budget {
  /** Passes over the training networks. */
  readonly epochs: number;
  /** Networks per step. */
  readonly batchSize: number;
  /** Peak learning rate. */
  readonly rate: number;
  /** Largest norm of the gradients. @default no clipping */
  readonly clipNorm?: number | undefined;
  /** Decoupled weight decay: parameters shrink by `rate * weightDecay` a step. @default 0 */
  readonly weightDecay?: number | undefined;
  /** `cosine`: one epoch of warm-up, then down to 0. @default "cosine" */
  readonly schedule?: (typeof scheduleNames)[number] | undefined;
  /** Epochs without a better validation tau before stopping. @default never stops early */
  readonly patience?: number | undefined;
}

/** The options of `fit`; random keys only for models that drop units. */
export function budgetOptions(
  { epochs, batchSize, rate, clipNorm, weightDecay = 0, schedule = "cosine", patience }: Budget,
  trainingNetworks: number,
  model: ModelOptions,
): Required<Pick<FitOptions, "epochs" | "batchSize" | "rate" | "dropout">> &
  Pick<FitOptions, "clipNorm" | "patience" | "optimizer"> {
  const warmup = Math.ceil(trainingNetworks / batchSize);
  const dropout = typeof model["dropout"] === "number" && model["dropout"] > 0;
  const rates = schedule === "cosine" ? warmupCosine({ rate, warmup }) : constant(rate);
  const stopping = patience === undefined ? {} : { patience };
  const clipping = clipNorm === undefined ? {} : { clipNorm };
  const decaying = weightDecay === 0 ? {} : { optimizer: adamW({ weightDecay }) };
  return { epochs, batchSize, rate: rates, dropout, ...clipping, ...stopping, ...decaying };
}
