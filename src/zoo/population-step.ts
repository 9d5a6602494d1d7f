// One optimizer step for many networks at once, each with its own optimizer, learning rate and decay: SGD, momentum
// (Polyak 1964) and Adam (Kingma and Ba 2015) as one rule whose coefficients are arrays over networks.

import { jit, numpy as np } from "@jax-js/jax";
import type { WeightBatch } from "../models/model.ts";
import type { HyperParameters } from "./recipe.ts";

const momentum = 0.9;
const secondDecay = 0.999;
const epsilon = 1e-8;

/** Weights and both running averages of their gradients, by tensor, [n, ...shape]. */
export interface PopulationState {
  readonly weights: WeightBatch;
  readonly first: WeightBatch;
  readonly second: WeightBatch;
}

/** What does not change over the steps, [n] each. */
export interface StepRule {
  /** Part of the first average that is kept. */
  readonly keep: np.Array;
  /** Part of the gradient that enters it. */
  readonly take: np.Array;
  /** 1 where steps are divided by the root of the second average. */
  readonly adaptive: np.Array;
}

const column = (values: readonly number[]) =>
  np.array(Float32Array.from(values), { shape: [values.length] });

export function stepRule(hypers: readonly HyperParameters[]): StepRule {
  return {
    keep: column(hypers.map(({ optimizer }) => (optimizer === "sgd" ? 0 : momentum))),
    take: column(hypers.map(({ optimizer }) => (optimizer === "adam" ? 1 - momentum : 1))),
    adaptive: column(hypers.map(({ optimizer }) => (optimizer === "adam" ? 1 : 0))),
  };
}

/** Step sizes [n] of step `at` (from 0), 0 for networks that have stopped; Adam's bias corrections are part of them. */
export function stepSizes(hypers: readonly HyperParameters[], at: number): np.Array {
  const correction = Math.sqrt(1 - secondDecay ** (at + 1)) / (1 - momentum ** (at + 1));
  return column(
    hypers.map(({ optimizer, learningRate, steps }) =>
      at >= steps ? 0 : optimizer === "adam" ? learningRate * correction : learningRate,
    ),
  );
}

/** Factors [n] that decoupled weight decay leaves of every weight in one step. */
export function decayFactors(hypers: readonly HyperParameters[]): np.Array {
  return column(hypers.map(({ learningRate, weightDecay }) => 1 - learningRate * weightDecay));
}

/** One tensor's step; per-network coefficients [n] are spread over its dimensions. */
const stepTensor = jit(
  (
    weights: np.Array,
    first: np.Array,
    second: np.Array,
    gradient: np.Array,
    { keep, take, adaptive, sizes, decay }: StepRule & { sizes: np.Array; decay: np.Array },
  ): [np.Array, np.Array, np.Array] => {
    const ones = weights.shape.slice(1).map(() => 1);
    const spread = (values: np.Array) => np.reshape(values, [values.shape[0], ...ones]);
    const newFirst = np.add(
      np.multiply(spread(keep), first),
      np.multiply(spread(take), gradient.ref),
    );
    const newSecond = np.add(
      np.multiply(second, secondDecay),
      np.multiply(np.square(gradient), 1 - secondDecay),
    );
    const divisor = np.where(
      np.greater(spread(adaptive), 0),
      np.add(np.sqrt(newSecond.ref), epsilon),
      1,
    );
    const size = spread(sizes);
    const moved = np.subtract(
      np.multiply(weights.ref, spread(decay)),
      np.divide(np.multiply(size.ref, newFirst.ref), divisor),
    );
    return [np.where(np.greater(size, 0), moved, weights), newFirst, newSecond];
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
  const next: PopulationState = { weights: {}, first: {}, second: {} };
  for (const name of Object.keys(state.weights)) {
    const [weights, first, second] = stepTensor(
      state.weights[name],
      state.first[name],
      state.second[name],
      gradients[name],
      {
        keep: rule.keep.ref,
        take: rule.take.ref,
        adaptive: rule.adaptive.ref,
        sizes: sizes.ref,
        decay: decay.ref,
      },
    );
    next.weights[name] = weights;
    next.first[name] = first;
    next.second[name] = second;
  }
  sizes.dispose();
  return next;
}
