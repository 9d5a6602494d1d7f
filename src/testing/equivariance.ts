// Public checkers: how far a map is from commuting with a spec's group, and assertions around that number.

import { numpy as np } from "@jax-js/jax";
import type { Weights } from "../core/tensors.ts";
import { actOn } from "../symmetry/act.ts";
import { type GroupElement, sampleElement } from "../symmetry/element.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { randomWeights } from "./random.ts";

/** A map between weights of one spec: host arrays in and out. */
export type WeightMap = (weights: Weights) => Weights | Promise<Weights>;
/** A map from weights to numbers. */
export type WeightFunction = (weights: Weights) => ArrayLike<number> | Promise<ArrayLike<number>>;

/** What {@link equivarianceError} tries a layer with. */
export interface EquivarianceOptions {
  /** Seed of the weights and the group element. @default 0 */
  readonly seed?: number;
  /** Also act with scale parts and matrices. @default false */
  readonly scales?: boolean;
  /** @default random normal weights */
  readonly weights?: Weights;
  /** @default a random element */
  readonly element?: GroupElement;
}

/** What {@link assertEquivariance} tries a layer with, and which error it accepts. */
export interface AssertOptions extends EquivarianceOptions {
  /** Largest accepted relative error. @default 1e-5 */
  readonly tolerance?: number;
}

function setting(
  spec: SymmetrySpec,
  { seed = 0, scales = false, weights, element }: EquivarianceOptions,
) {
  return {
    weights: weights ?? randomWeights(spec, seed),
    element: element ?? sampleElement(spec, seed + 1, { scales }),
  };
}

/**
 * max |f(g W) - g f(W)| / max |f(W)| over all tensors: 0 for an exactly equivariant map, around 1e-7 in float32.
 * NaN anywhere gives NaN, results of different sizes give infinity.
 */
export async function equivarianceError(
  spec: SymmetrySpec,
  map: WeightMap,
  options: EquivarianceOptions = {},
): Promise<number> {
  const { weights, element } = setting(spec, options);
  const movedThenMapped = await map(actOn(spec, element, weights));
  const mappedThenMoved = actOn(spec, element, await map(weights));
  const names = new Set([...Object.keys(mappedThenMoved), ...Object.keys(movedThenMapped)]);
  const pairs = [...names].map(
    (name) => [movedThenMapped[name]?.data ?? [], mappedThenMoved[name]?.data ?? []] as const,
  );
  return relativeGap(pairs);
}

/** max |f(g W) - f(W)| / max |f(W)|. */
export async function invarianceError(
  spec: SymmetrySpec,
  compute: WeightFunction,
  options: EquivarianceOptions = {},
): Promise<number> {
  const { weights, element } = setting(spec, options);
  return relativeGap([[await compute(actOn(spec, element, weights)), await compute(weights)]]);
}

function relativeGap(pairs: readonly (readonly [ArrayLike<number>, ArrayLike<number>])[]): number {
  let gap = 0;
  let scale = 0;
  for (const [a, b] of pairs) {
    if (a.length !== b.length) return Number.POSITIVE_INFINITY;
    for (let i = 0; i < b.length; i++) {
      const difference = Math.abs(a[i] - b[i]);
      if (Number.isNaN(difference)) return Number.NaN;
      gap = Math.max(gap, difference);
      scale = Math.max(scale, Math.abs(b[i]));
    }
  }
  return gap === 0 ? 0 : gap / Math.max(scale, Number.MIN_VALUE);
}

/** @throws {Error} with the error, the tolerance and the seed when the map does not commute with the group. */
export async function assertEquivariant(
  spec: SymmetrySpec,
  map: WeightMap,
  options: AssertOptions = {},
): Promise<void> {
  judge("assertEquivariant", await equivarianceError(spec, map, options), options);
}

/** @throws {Error} with the error, the tolerance and the seed when the value changes under the group. */
export async function assertInvariant(
  spec: SymmetrySpec,
  compute: WeightFunction,
  options: AssertOptions = {},
): Promise<void> {
  judge("assertInvariant", await invarianceError(spec, compute, options), options);
}

function judge(name: string, error: number, { tolerance = 1e-5, seed = 0 }: AssertOptions): void {
  if (error <= tolerance) return;
  throw new Error(
    `${name}: relative error ${error.toExponential(2)}, expected at most ${tolerance} (seed ${seed})`,
  );
}

/** Host weights as a batch of one: tensor name -> [1, ...shape]. */
export function toBatch(weights: Weights): { [tensor: string]: np.Array } {
  return Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => [
      name,
      np.array(Float32Array.from(data)).reshape([1, ...shape]),
    ]),
  );
}
