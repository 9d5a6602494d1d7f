// AdamW without a schedule (Defazio et al. 2024): gradients are taken between a fast sequence and its running mean, and the mean is what
// is evaluated. The parameters that the rule moves are the points between; `meanParams` gives the mean.

import { numpy as np } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";
import { mapArrays } from "../../engine/arrays.ts";
import type { Params } from "../../models/model.ts";
import { type Optimizer, printCoefficient } from "./optimizers.ts";
import {
  addDecayedParams,
  chain,
  type Coefficient,
  type OptimizerState,
  quotient,
  rootMeanSquare,
  scaleBy,
} from "./update-rules.ts";

/** Hyper-parameters of schedule-free AdamW. */
export interface ScheduleFreeOptions {
  /** Learning rate of the fast sequence, reached after the warm-up. */
  readonly rate: Coefficient;
  /** Weight of the mean in the points where gradients are taken, above 0 and below 1. @default 0.9 */
  readonly beta1?: number;
  /** Decay of the average of squared gradients. @default 0.999 */
  readonly beta2?: Coefficient;
  /** Added to the root of that average. @default 1e-8 */
  readonly epsilon?: Coefficient;
  /** Decoupled weight decay. @default 0.01 */
  readonly weightDecay?: Coefficient;
  /** Steps over which the rate rises from 0. @default 0 */
  readonly warmup?: number;
}

const fastKey = (path: string) => `fast/${path}`;

/**
 * AdamW without a schedule. Its updates must be added as they are: train with a constant rate of 1, the rate is an option here.
 * @throws {OptionError} when beta1 is not above 0 and below 1, or the warm-up is no number of steps
 */
export function scheduleFreeAdamW({
  rate,
  beta1 = 0.9,
  beta2 = 0.999,
  epsilon = 1e-8,
  weightDecay = 0.01,
  warmup = 0,
}: ScheduleFreeOptions): Optimizer {
  if (!(beta1 > 0 && beta1 < 1))
    throw new OptionError(`scheduleFreeAdamW: beta1 expected above 0 and below 1, got ${beta1}`);
  if (!Number.isSafeInteger(warmup) || warmup < 0)
    throw new OptionError(`scheduleFreeAdamW: warmup expected whole steps, got ${warmup}`);
  const direction = chain(
    quotient(scaleBy(1), rootMeanSquare({ decay: beta2, epsilon, corrected: true })),
    addDecayedParams(weightDecay),
    scaleBy(rate),
  );
  return {
    name: `schedule-free-adamw(${[rate, beta1, beta2, epsilon, weightDecay].map(printCoefficient).join(", ")}, warm-up ${warmup})`,
    init: (params) => ({
      ...direction.init(params),
      step: np.zeros([]),
      weights: np.zeros([]),
      ...Object.fromEntries(
        Object.entries(params).map(([path, array]) => [fastKey(path), np.add(array.ref, 0)]),
      ),
    }),
    update(gradients, state, params) {
      const [steps, next] = direction.update(gradients, state, params);
      const step = np.add(state["step"], 1);
      const rise = np.minimum(np.divide(step.ref, Math.max(warmup, 1)), 1);
      const square = np.square(rise.ref);
      const weights = np.add(state["weights"], square.ref);
      const share = np.divide(square, weights.ref); // of the newest point in the mean
      const all: OptimizerState = { ...state, ...next, step, weights };
      const updates = mapArrays(steps, (length, path) => {
        const before = state[fastKey(path)];
        const mean = meanOf(params[path].ref, before.ref, beta1);
        const fast = np.subtract(before, np.multiply(length, rise.ref));
        const moved = np.subtract(fast.ref, mean.ref);
        const newMean = np.add(mean, np.multiply(moved, share.ref));
        all[fastKey(path)] = fast.ref;
        const point = np.add(np.multiply(fast, 1 - beta1), np.multiply(newMean, beta1));
        return np.subtract(point, params[path].ref);
      });
      rise.dispose();
      share.dispose();
      return [updates, all];
    },
  };
}

/** The running mean from the point between and the fast sequence. @consumes */
const meanOf = (point: np.Array, fast: np.Array, beta1: number): np.Array =>
  np.multiply(np.subtract(point, np.multiply(fast, 1 - beta1)), 1 / beta1);

/** The mean parameters of a run with `scheduleFreeAdamW`, which are those to evaluate. Keeps its arguments. */
export const meanParams = (state: OptimizerState, params: Params, beta1 = 0.9): Params =>
  mapArrays(params, (point, path) => meanOf(point.ref, state[fastKey(path)].ref, beta1));
