// Inner products of all rows of one network with all rows of another: the gains of weight matching. Small ones are plain
// loops; large ones go through the array engine.

import { startEngine } from "../engine/start.ts";

/** Multiply-adds above which a product is worth the engine's start and transfers. */
const engineFrom = 3e7;

/** Adds factor * A B^T to `gains` [size, size]; `a` and `b` are row-major [size, rest]. */
export async function addRowProducts(
  gains: Float64Array,
  a: Float32Array<ArrayBuffer>,
  b: Float32Array<ArrayBuffer>,
  size: number,
  rest: number,
  factor: number,
): Promise<void> {
  if (size * size * rest >= engineFrom) return addByEngine(gains, a, b, size, rest, factor);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let sum = 0;
      for (let k = 0; k < rest; k++) sum += a[i * rest + k] * b[j * rest + k];
      gains[i * size + j] += factor * sum;
    }
  }
}

async function addByEngine(
  gains: Float64Array,
  a: Float32Array<ArrayBuffer>,
  b: Float32Array<ArrayBuffer>,
  size: number,
  rest: number,
  factor: number,
): Promise<void> {
  await startEngine();
  const { numpy: np } = await import("@jax-js/jax");
  const left = np.array(a, { shape: [size, rest] });
  const right = np.array(b, { shape: [size, rest] });
  const product = await np.matmul(left, np.swapaxes(right, 0, 1)).data();
  for (let i = 0; i < gains.length; i++) gains[i] += factor * product[i];
}
