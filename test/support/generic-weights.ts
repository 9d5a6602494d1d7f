// Weights without accidents: normal numbers for every tensor of a spec, noise on them, and the permutations of elements.

import { deriveSeed, randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import type { Weights } from "../../src/core/tensors.ts";
import type { GroupElement } from "../../src/group/element.ts";
import type { SymmetrySpec } from "../../src/spec/types.ts";

export function genericWeights(spec: SymmetrySpec, seed: number): Weights {
  const random = randomStream(seed);
  return Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => [
      name,
      { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => random.normal()) },
    ]),
  );
}

/** Adds normal noise of this standard deviation, the spread of generic weights being 1. */
export function withNoise(weights: Weights, share: number, seed: number): Weights {
  return Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => {
      const random = randomStream(deriveSeed(seed, name));
      return [name, { shape, data: data.map((x) => x + share * random.normal()) }];
    }),
  );
}

export const reader = (weights: Weights) => async (name: string) => weights[name];

/** The permutations of an element, by permutation axis. */
export function permutationsOf(spec: SymmetrySpec, element: GroupElement) {
  return Object.fromEntries(
    Object.entries(element)
      .filter(([axis]) => spec.axes[axis].group === "permutation")
      .map(([axis, { permutations }]) => [axis, permutations]),
  );
}
