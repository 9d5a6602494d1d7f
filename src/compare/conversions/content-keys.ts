// Keys of what tensors hold: equal for equal numbers in any order (of a whole tensor) or in this order (of each row), so that
// equal arrays are found without comparing each with each. Numbers that are found equal by key are compared afterwards.

import { sizeOf } from "../../core/shapes.ts";
import type { Tensor } from "../../core/tensors.ts";

const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);

/** 32 bits of a number; -0 is 0, and NaN any NaN. */
function mixed(x: number): number {
  number[0] = x === 0 ? 0 : x;
  let h = Math.imul(words[0] ^ 0x9e3779b1, 0x85ebca6b) ^ words[1];
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f);
  return h ^ (h >>> 16);
}

/** Equal for tensors that hold the same numbers in any order. */
export function numbersKey({ data }: Tensor): string {
  let [sum, product] = [0, 0];
  for (const x of data) {
    const h = mixed(x);
    sum = (sum + h) | 0;
    product = (product + Math.imul(h, h | 1)) | 0;
  }
  return `${data.length}:${sum}:${product}`;
}

/** By row of the first dimension, a key of its numbers in order. */
export function rowKeys({ shape, data }: Tensor): string[] {
  const width = sizeOf(shape.slice(1));
  return Array.from({ length: shape[0] ?? 1 }, (_, row) => {
    let [a, b] = [0, 0];
    for (let i = row * width; i < (row + 1) * width; i++) {
      const h = mixed(data[i]);
      a = (Math.imul(a, 31) + h) | 0;
      b = (Math.imul(b ^ h, 0x01000193) + 7) | 0;
    }
    return `${a}:${b}`;
  });
}

/** Whether all numbers are one, which says nothing of where they come from. */
export const isUniform = ({ data }: Tensor): boolean => data.every((x) => Object.is(x, data[0]));

/** Whether two arrays hold equal numbers, NaN among them. */
export function equalNumbers(a: Tensor["data"], b: Tensor["data"]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++)
    if (a[i] !== b[i] && !(Number.isNaN(a[i]) && Number.isNaN(b[i]))) return false;
  return true;
}
