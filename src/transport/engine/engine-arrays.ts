// What distances on engine arrays share: running sums as block products, orders with their inverses, and values that carry a
// gradient known in closed form. All runs under jit and grad; arguments are consumed, as everywhere in jax-js.

import { lax, numpy as np } from "@jax-js/jax";

/** Points or shares as an engine array or what stands for one while a function is traced. */
export type EngineArray = np.Array;

/** Whether a value is an engine array, traced or not. */
export const isEngineArray = (value: unknown): value is EngineArray =>
  typeof value === "object" && value !== null && "dtype" in value && "ref" in value;

/** A constant array in float32. */
export const constant = (data: ArrayLike<number>, shape: readonly number[]): EngineArray =>
  np.array(Float32Array.from(data)).reshape([...shape]);

/** Running sums are taken inside blocks of this many by one product, then over the blocks. */
const block = 32;

/** Ones where the row is not below the column: its product sums up to each column. */
function triangle(size: number): EngineArray {
  const data = new Float32Array(size * size);
  for (let i = 0; i < size; i++) data.fill(1, i * size + i, (i + 1) * size);
  return np.array(data).reshape([size, size]);
}

/** Inclusive running sums along the second axis of [rows, size]. The engine's own take far longer. @consumes */
export function runningSum(values: EngineArray): EngineArray {
  const [rows, size] = values.shape;
  if (size <= block) return np.matmul(values, triangle(size));
  const blocks = Math.ceil(size / block);
  const padded = np.pad(values, [
    [0, 0],
    [0, blocks * block - size],
  ]);
  const inside = np.matmul(padded.reshape([rows * blocks, block]), triangle(block));
  const cube = inside.reshape([rows, blocks, block]);
  const totals = cube.ref.slice([], [], [block - 1, block]).reshape([rows, blocks]);
  const before = np.subtract(runningSum(totals.ref), totals);
  const sums = np.add(cube, before.reshape([rows, blocks, 1]));
  return sums.reshape([rows, blocks * block]).slice([], [0, size]);
}

/** The same from the end: sum over j >= i. @consumes */
export function runningSumFromEnd(values: EngineArray): EngineArray {
  const total = np.sum(values.ref, 1, { keepdims: true });
  return np.add(np.subtract(total, runningSum(values.ref)), values);
}

/** An order of entries as arrays of the engine. */
export interface Order {
  /** Indices that sort each row. */
  readonly order: EngineArray;
  /** Places of the entries in the sorted row: the inverse. */
  readonly rank: EngineArray;
}

/** The order of every row of [rows, size] and its inverse. @consumes */
export function orderOf(keys: EngineArray): Order {
  const order = np.argsort(keys, 1);
  return { rank: np.argsort(order.ref, 1), order };
}

/** Entries of each row in another order. @consumes both */
export const reorder = (values: EngineArray, order: EngineArray): EngineArray =>
  np.takeAlongAxis(values, order, 1);

export const fixed = (values: EngineArray): EngineArray => lax.stopGradient(values);

/**
 * A value whose gradient with respect to some arrays is known: the value itself, and each derivative as the derivative with respect to
 * its array. First derivatives only. It stands in for custom gradients, which the engine lacks, and keeps gathers out of
 * the backward pass, whose adjoint does not compile. @consumes
 */
export function withDerivatives(
  value: EngineArray,
  derivatives: readonly (readonly [derivative: EngineArray, array: EngineArray])[],
): EngineArray {
  const linear = derivatives
    .map(([derivative, array]) => np.sum(np.multiply(fixed(derivative), array)))
    .reduce((sum, term) => np.add(sum, term));
  return np.add(fixed(value), np.subtract(linear.ref, fixed(linear)));
}

/** |values|^p. For values without gradient. @consumes */
export const magnitude = (values: EngineArray, p: number): EngineArray =>
  p === 1 ? np.abs(values) : p === 2 ? np.square(values) : np.power(np.abs(values), p);

/** The derivative of |values|^p, 0 at 0. For values without gradient. @consumes */
export function derivativeOf(values: EngineArray, p: number): EngineArray {
  if (p === 1) return np.sign(values);
  if (p === 2) return np.multiply(values, 2);
  const size = np.power(np.abs(values.ref), p - 1);
  return np.multiply(np.multiply(np.sign(values), size), p);
}

/** The p-th root with derivative 0 at 0; NaN stays NaN. @consumes */
export function engineRoot(power: EngineArray, p: number): EngineArray {
  if (p === 1) return power;
  const isNone = np.lessEqual(power.ref, 0);
  const safe = np.where(isNone.ref, 1, power);
  return np.where(isNone, 0, np.power(safe, 1 / p));
}
