// What may happen to the numbers of a network: a symmetry, after which it draws the same picture, or a shuffle, after which it
// draws nothing.

import { actOn, randomStream, sampleElement, type SymmetrySpec, type Weights } from "weightspace";

/** The states in which readers meet a network. */
export const states = ["fitted", "moved", "shuffled"] as const;
export type State = (typeof states)[number];

/** The network with its units in another order and with other signs. */
export const reordered = (spec: SymmetrySpec, weights: Weights, seed: number): Weights =>
  actOn(spec, sampleElement(spec, seed), weights);

/** The control: in every tensor the same numbers, in any order. */
export function shuffled(weights: Weights, seed: number): Weights {
  const random = randomStream(seed);
  return Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => {
      const order = random.permutation(data.length);
      return [name, { shape, data: Float32Array.from(order, (from) => data[from]) }];
    }),
  );
}

/** Outputs for classes as probabilities. */
export function probabilities(outputs: Float32Array): number[] {
  const most = Math.max(...outputs);
  const powers = Array.from(outputs, (value) => Math.exp(value - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
