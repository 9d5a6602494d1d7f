// Runs a traced network before and after a group element acted on its weights: the proof that a spec holds.

import { numpy as np } from "@jax-js/jax";
import type { Weights } from "../../../src/core/tensors.ts";
import { startEngine } from "../../../src/engine/start.ts";
import { actOn } from "../../../src/symmetry/act.ts";
import { movingAxes, sampleElement } from "../../../src/symmetry/element.ts";
import type { SymmetrySpec } from "../../../src/symmetry/types.ts";
import { randomWeights } from "../../../src/testing/random.ts";
import type { W } from "./traced-layers.ts";

export type Network = (w: W, x: np.Array) => np.Array;

/** Weights as networks here use them: a third of the given size keeps deep ones in range, variances are positive. */
export const usedWeights = (weights: Weights): Weights =>
  Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => {
      const isVariance = name.endsWith("running_var");
      const used = Float32Array.from(data, (x) => (isVariance ? 0.5 + Math.abs(x) : x / 3));
      return [name, { shape, data: used }];
    }),
  );

/** One fixed input of a shape. */
export function inputOf(shape: readonly number[]): Float32Array<ArrayBuffer> {
  const count = shape.reduce((product, size) => product * size, 1);
  return Float32Array.from({ length: count }, (_, i) => Math.sin(1 + i * i));
}

/** Outputs on that input. */
export async function outputsOf(
  fn: Network,
  input: readonly number[],
  weights: Weights,
): Promise<Float32Array> {
  await startEngine();
  const arrays = Object.entries(usedWeights(weights)).map(
    ([name, { shape, data }]) =>
      [name, np.array(Float32Array.from(data)).reshape([...shape])] as const,
  );
  const x = np.array(inputOf(input)).reshape([...input]);
  return (await fn(Object.fromEntries(arrays), x).data()) as Float32Array;
}

/** The largest difference, in units of the first one's scale. */
export function distance(a: Float32Array, b: Float32Array): number {
  const scale = Math.max(...a.map(Math.abs));
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]))) / scale;
}

export interface Verdict {
  /** How far acting on each axis moves the outputs. */
  readonly axes: Readonly<Record<string, number>>;
  /** The same for all axes at once. */
  readonly together: number;
  /** The same when one tensor is left behind: must be large. */
  readonly control: number;
}

export async function verdictOn(
  fn: Network,
  input: readonly number[],
  spec: SymmetrySpec,
  seed: number,
): Promise<Verdict> {
  const weights = randomWeights(spec, seed);
  const before = await outputsOf(fn, input, weights);
  const after = async (moved: Weights) => distance(before, await outputsOf(fn, input, moved));
  const axes: Record<string, number> = {};
  for (const axis of movingAxes(spec))
    axes[axis] = await after(actOn(spec, sampleElement(spec, seed + 1, { axes: [axis] }), weights));
  const moved = actOn(spec, sampleElement(spec, seed + 2), weights);
  const behind = Object.keys(spec.tensors).filter((name) =>
    moved[name].data.some((value, i) => value !== weights[name].data[i]),
  );
  const control = behind.length === 0 ? NaN : { ...moved, [behind[0]]: weights[behind[0]] };
  return {
    axes,
    together: await after(moved),
    control: typeof control === "number" ? control : await after(control),
  };
}
