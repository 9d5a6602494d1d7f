// One optimizer step for many networks at once, each with its own optimizer, learning rate and decay: one composition of the
// update rules of training, whose hyper-parameters are arrays [n] over networks.

import { jit, numpy as np, tree } from "@jax-js/jax";
import { mapArrays } from "../../engine/arrays.ts";
import type { MoveNumbers } from "../../kernels/optimizers/population-move.ts";
import type { WeightBatch } from "../../models/model.ts";
import {
  average,
  chain,
  type OptimizerState,
  quotient,
  rootMeanSquare,
  scaleBy,
  type UpdateRule,
} from "../../train/optimizers/update-rules.ts";
import type { HyperParameters, OptimizerName, Recipe } from "../recipe.ts";

const momentum = 0.9;
const secondDecay = 0.999;
const epsilon = 1e-8;

/** The hyper-parameters that make an optimizer of the composition. */
type Coefficients = Pick<MoveNumbers, "keep" | "take" | "adaptive">;

const coefficients: Readonly<Record<OptimizerName, Coefficients>> = {
  sgd: { keep: 0, take: 1, adaptive: 0 },
  momentum: { keep: momentum, take: 1, adaptive: 0 },
  adam: { keep: momentum, take: 1 - momentum, adaptive: 1 },
  rmsprop: { keep: 0, take: 1, adaptive: 1 },
};

/** Weights [n, ...shape] by tensor, and the state of their rule, [n, ...shape] too. */
export type PopulationState = {
  readonly weights: WeightBatch;
  readonly optimizer: OptimizerState;
};

/** What does not change over the steps, [n] each. */
export type StepRule = {
  readonly keep: np.Array;
  readonly take: np.Array;
  readonly adaptive: np.Array;
  /** Factor that decoupled weight decay leaves of every weight in one step. */
  readonly decay: np.Array;
};

const column = (values: readonly number[]) =>
  np.array(Float32Array.from(values), { shape: [values.length] });

/** The hyper-parameters of n networks as fresh arrays [n]. */
export function stepRule(hypers: readonly HyperParameters[]): StepRule {
  const of = (name: keyof Coefficients) =>
    column(hypers.map(({ optimizer }) => coefficients[optimizer][name]));
  return {
    keep: of("keep"),
    take: of("take"),
    adaptive: of("adaptive"),
    decay: column(hypers.map((hyper) => optimizerNumbers(hyper).decay)),
  };
}

/** What a network's optimizer does with gradients at every step, as numbers. */
export const optimizerNumbers = ({
  optimizer,
  learningRate,
  weightDecay,
}: HyperParameters): MoveNumbers => ({
  ...coefficients[optimizer],
  decay: 1 - learningRate * weightDecay,
  secondDecay,
  epsilon,
});

/** The size of a network's step `at` (from 0), as in {@link stepSizes}. */
export function stepSize(
  { optimizer, learningRate, steps }: HyperParameters,
  at: number,
  schedule: Recipe["schedule"] = "constant",
): number {
  if (at >= steps) return 0;
  const { keep, adaptive } = coefficients[optimizer];
  const ofSecond = Math.sqrt(1 - secondDecay ** (at + 1));
  const ofFirst = 1 - momentum ** (at + 1);
  const rate =
    schedule === "constant"
      ? learningRate
      : (learningRate * (1 + Math.cos((Math.PI * at) / steps))) / 2;
  return adaptive ? rate * (keep > 0 ? ofSecond / ofFirst : ofSecond) : rate;
}

/**
 * Step sizes [n] of step `at` (from 0), 0 for networks that have stopped; bias corrections of averages are part of them, and the
 * schedule is. Decoupled decay does not follow the schedule.
 */
export const stepSizes = (
  hypers: readonly HyperParameters[],
  at: number,
  schedule: Recipe["schedule"] = "constant",
): np.Array => column(hypers.map((hyper) => stepSize(hyper, at, schedule)));

/**
 * SGD, momentum, RMSProp and Adam as one rule. Bias corrections are in the step sizes (the cheaper order of Kingma and Ba
 * 2015, section 2), so that epsilon is added to roots that are not corrected.
 */
function populationRule(
  { keep, take, adaptive }: Pick<StepRule, "keep" | "take" | "adaptive">,
  sizes: np.Array,
): UpdateRule {
  return quotient(
    chain(average({ keep, take, slot: "first" }), scaleBy(sizes), scaleBy(-1)),
    rootMeanSquare({ decay: secondDecay, epsilon, only: adaptive }),
  );
}

/** The state before the first step. @keeps weights */
export function initialOptimizerState(weights: WeightBatch): OptimizerState {
  const none = np.zeros([1]);
  const state = populationRule({ keep: none, take: none, adaptive: none }, none).init(weights);
  none.dispose();
  return state;
}

const stepAll = jit(
  (
    { weights, optimizer }: PopulationState,
    gradients: WeightBatch,
    rule: StepRule & { readonly sizes: np.Array },
  ): PopulationState => {
    const [updates, next] = populationRule(rule, rule.sizes).update(gradients, optimizer, weights);
    const moved = mapArrays(weights, (weight, name) => {
      const ones = weight.shape.slice(1).map(() => 1);
      const along = (values: np.Array) => np.reshape(values.ref, [values.shape[0], ...ones]);
      const after = np.add(np.multiply(weight.ref, along(rule.decay)), updates[name]);
      return np.where(np.greater(along(rule.sizes), 0), after, weight);
    });
    tree.dispose(rule);
    return { weights: moved, optimizer: next };
  },
);

/** The state after a step. @consumes state, gradients and `sizes` @keeps rule */
export function stepPopulation(
  state: PopulationState,
  gradients: WeightBatch,
  rule: StepRule,
  sizes: np.Array,
): PopulationState {
  return stepAll(state, gradients, { ...tree.ref(rule), sizes });
}
