// Numbers of several networks on the host, side by side, and those of one of them as kernels take them.

import { sizeOf } from "../../core/shapes.ts";
import { type ArrayRecord, disposeArrays } from "../../engine/arrays.ts";
import { partOf } from "../../layers/kernel-networks.ts";
import type { UpdateProgram } from "../update-program.ts";
import type { NetworkNumbers } from "./step-kernel.ts";

/** Numbers of n networks by name, [n, ...]. */
export type Stack = Record<
  string,
  { readonly shape: readonly number[]; readonly data: Float32Array }
>;

export const zeros = (shapes: Readonly<Record<string, readonly number[]>>, n: number): Stack =>
  Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      { shape: [n, ...shape], data: new Float32Array(n * sizeOf(shape)) },
    ]),
  );

/** Network `at` of a stack, as views. */
export const networkOf = (stack: Stack, at: number): NetworkNumbers =>
  Object.fromEntries(
    Object.entries(stack).map(([name, { shape, data }]) => [name, partOf(data, at, shape[0])]),
  );

/** Copies of arrays on the host. Keeps them. */
export const copyToHost = (arrays: ArrayRecord): Stack =>
  Object.fromEntries(
    Object.entries(arrays).map(([name, array]) => {
      const shape = [...array.shape];
      return [name, { shape, data: Float32Array.from(array.ref.dataSync() as Float32Array) }];
    }),
  );

/** The same. @consumes arrays */
export function takeToHost(arrays: ArrayRecord): Stack {
  const stack = copyToHost(arrays);
  disposeArrays(arrays);
  return stack;
}

/** Shapes of the state of one network. */
export function stateShapes(program: UpdateProgram): Record<string, readonly number[]> {
  const state = program.initialState(1);
  const shapes = Object.entries(state).map(([name, { shape }]) => [name, shape.slice(1)] as const);
  disposeArrays(state);
  return Object.fromEntries(shapes);
}

/** to = factor * from. */
export function copyScaled(
  from: readonly Float32Array[],
  to: readonly Float32Array[],
  factor: number,
): void {
  for (const [t, values] of from.entries()) {
    const target = to[t];
    if (factor === 1) target.set(values);
    else for (let i = 0; i < values.length; i++) target[i] = factor * values[i];
  }
}
