// Kendall's rank correlation tau-b in O(n log n) (Knight 1966): sort by one variable, count the exchanges a merge sort
// by the other needs, correct for ties.

import { ShapeError } from "../../core/errors.ts";

const pairs = (count: number): number => (count * (count - 1)) / 2;

/** Sum over runs of equal neighbours of the number of pairs inside the run. */
function tiedPairs(length: number, sameAsPrevious: (i: number) => boolean): number {
  let total = 0;
  let run = 1;
  for (let i = 1; i <= length; i++) {
    if (i < length && sameAsPrevious(i)) run++;
    else {
      total += pairs(run);
      run = 1;
    }
  }
  return total;
}

/** Sorts in place and returns the number of pairs that stood in strictly decreasing order (bottom-up merge sort). */
function sortCountingExchanges(values: Float64Array<ArrayBuffer>): number {
  let source = values;
  let target = new Float64Array(values.length);
  let exchanges = 0;
  for (let width = 1; width < values.length; width *= 2) {
    for (let start = 0; start < values.length; start += 2 * width) {
      const middle = Math.min(start + width, values.length);
      const end = Math.min(start + 2 * width, values.length);
      let left = start;
      let right = middle;
      for (let out = start; out < end; out++) {
        if (right >= end || (left < middle && source[left] <= source[right])) {
          target[out] = source[left++];
        } else {
          target[out] = source[right++];
          exchanges += middle - left;
        }
      }
    }
    [source, target] = [target, source];
  }
  if (source !== values) values.set(source);
  return exchanges;
}

/**
 * Kendall's tau-b of two lists of numbers, in [-1, 1]; ties count in neither direction. NaN when it is undefined: fewer
 * than two pairs, a constant list, a NaN among the values.
 * @throws {ShapeError} when the lists differ in length.
 */
export function kendallTau(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length;
  if (b.length !== n) {
    throw new ShapeError(`kendallTau: expected two lists of one length, got ${n} and ${b.length}`);
  }
  for (let i = 0; i < n; i++) if (Number.isNaN(a[i]) || Number.isNaN(b[i])) return Number.NaN;
  const compare = (x: number, y: number) => (x < y ? -1 : x > y ? 1 : 0);
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  order.sort((i, j) => compare(a[i], a[j]) || compare(b[i], b[j]));
  const sameA = (i: number) => a[order[i]] === a[order[i - 1]];
  const tiedA = tiedPairs(n, sameA);
  const tiedBoth = tiedPairs(n, (i) => sameA(i) && b[order[i]] === b[order[i - 1]]);
  const sorted = Float64Array.from(order, (i) => b[i]);
  const discordant = sortCountingExchanges(sorted);
  const tiedB = tiedPairs(n, (i) => sorted[i] === sorted[i - 1]);
  const total = pairs(n);
  if (tiedA === total || tiedB === total) return Number.NaN;
  const difference = total - tiedA - tiedB + tiedBoth - 2 * discordant;
  const tau = difference / Math.sqrt(total - tiedA) / Math.sqrt(total - tiedB);
  return Math.max(-1, Math.min(1, tau));
}
