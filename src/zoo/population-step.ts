// One optimizer step for many networks at once, each with its own optimizer, learning rate and decay: SGD, momentum
// (Polyak 1964), Adam (Kingma and Ba 2015) and RMSprop (Hinton 2012) as one rule whose coefficients are arrays over networks.

import { jit, numpy as np, tree } from "@jax-js/jax";
import type { WeightBatch } from "../models/model.ts";
import type { HyperParameters, OptimizerName } from "./recipe.ts";

const momentum = 0.9;
const secondDecay = 0.999;
const epsilon = 1e-8;

/** How each optimizer uses the averages; bias corrections are for averages that start at 0. */
const rules: Readonly<
  Record<
    OptimizerName,
    { readonly keep: number; readonly take: number; readonly adaptive: boolean }
  >
> = {
  sgd: { keep: 0, take: 1, adaptive: false },
  momentum: { keep: momentum, take: 1, adaptive: false },
  adam: { keep: momentum, take: 1 - momentum, adaptive: true },
  rmsprop: { keep: 0, take: 1, adaptive: true },
};

/** Weights and both running averages of their gradients, by tensor, [n, ...shape]. */
export type PopulationState = {
  readonly weights: WeightBatch;
  readonly first: WeightBatch;
  readonly second: WeightBatch;
};

/** What does not change over the steps, [n] each. */
export type StepRule = {
  /** Part of the first average that is kept. */
  readonly keep: np.Array;
  /** Part of the gradient that enters it. */
  readonly take: np.Array;
  /** 1 where steps are divided by the root of the second average. */
  readonly adaptive: np.Array;
};

const column = (values: readonly number[]) =>
  np.array(Float32Array.from(values), { shape: [values.length] });

export function stepRule(hypers: readonly HyperParameters[]): StepRule {
  return {
    keep: column(hypers.map(({ optimizer }) => rules[optimizer].keep)),
    take: column(hypers.map(({ optimizer }) => rules[optimizer].take)),
    adaptive: column(hypers.map(({ optimizer }) => (rules[optimizer].adaptive ? 1 : 0))),
  };
}

/** Step sizes [n] of step `at` (from 0), 0 for networks that have stopped; bias corrections of averages are part of them. */
export function stepSizes(hypers: readonly HyperParameters[], at: number): np.Array {
  const ofSecond = Math.sqrt(1 - secondDecay ** (at + 1));
  const ofFirst = 1 - momentum ** (at + 1);
  return column(
    hypers.map(({ optimizer, learningRate, steps }) => {
      const { keep, adaptive } = rules[optimizer];
      if (at >= steps) return 0;
      return adaptive ? learningRate * (keep > 0 ? ofSecond / ofFirst : ofSecond) : learningRate;
    }),
  );
}

/** Factors [n] that decoupled weight decay leaves of every weight in one step. */
export function decayFactors(hypers: readonly HyperParameters[]): np.Array {
  return column(hypers.map(({ learningRate, weightDecay }) => 1 - learningRate * weightDecay));
}

type Coefficients = StepRule & { readonly sizes: np.Array; readonly decay: np.Array };

/** One tensor's step; coefficients [n] are spread over its dimensions. Consumes the tensor's arrays alone. */
function stepTensor(
  weights: np.Array,
  first: np.Array,
  second: np.Array,
  gradient: np.Array,
  { keep, take, adaptive, sizes, decay }: Coefficients,
): [np.Array, np.Array, np.Array] {
  const ones = weights.shape.slice(1).map(() => 1);
  const spread = (values: np.Array) => np.reshape(values.ref, [values.shape[0], ...ones]);
  const newFirst = np.add(
    np.multiply(spread(keep), first),
    np.multiply(spread(take), gradient.ref),
  );
  const newSecond = np.add(
    np.multiply(second, secondDecay),
    np.multiply(np.square(gradient), 1 - secondDecay),
  );
  const root = np.add(np.sqrt(newSecond.ref), epsilon);
  const divisor = np.where(np.greater(spread(adaptive), 0), root, 1);
  const moved = np.subtract(
    np.multiply(weights.ref, spread(decay)),
    np.divide(np.multiply(spread(sizes), newFirst.ref), divisor),
  );
  return [np.where(np.greater(spread(sizes), 0), moved, weights), newFirst, newSecond];
}

const stepAll = jit(
  (state: PopulationState, gradients: WeightBatch, coefficients: Coefficients): PopulationState => {
    const next: PopulationState = { weights: {}, first: {}, second: {} };
    for (const name of Object.keys(state.weights)) {
      [next.weights[name], next.first[name], next.second[name]] = stepTensor(
        state.weights[name],
        state.first[name],
        state.second[name],
        gradients[name],
        coefficients,
      );
    }
    tree.dispose(coefficients);
    return next;
  },
);

/** The state after a step; the state, gradients and `sizes` are consumed, the rule and `decay` are not. */
export function stepPopulation(
  state: PopulationState,
  gradients: WeightBatch,
  rule: StepRule,
  sizes: np.Array,
  decay: np.Array,
): PopulationState {
  const kept = tree.ref({ keep: rule.keep, take: rule.take, adaptive: rule.adaptive, decay });
  return stepAll(state, gradients, { ...kept, sizes });
}
