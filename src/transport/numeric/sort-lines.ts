// Lists of float64 numbers sorted two at a time: by a network where they are short and finite, else one by one. Numbers that differ
// in their last bits only are put right by insertion.

import { settle, sortAscending, sortOrder } from "./sort-order.ts";
import { type Atoms, sortingKernel, type SortingKernel } from "./sorting-kernel.ts";
import { longestSorted } from "./sorting-network.ts";

let started: SortingKernel | undefined;

/** The kernel of this process. */
const kernel = (): SortingKernel => (started ??= sortingKernel());

/** Stands beside a last list that is alone. */
const none = new Float64Array(0);

const suitNetwork = (u: Float64Array, v: Float64Array): boolean =>
  u.length > 0 && u.length <= longestSorted && v.length <= longestSorted;

/** Sorts each of the lists in place. They must not hold NaN. */
export function sortLines(lines: readonly Float64Array[]): void {
  for (let l = 0; l < lines.length; l += 2) {
    const u = lines[l];
    const v = l + 1 < lines.length ? lines[l + 1] : none;
    if (suitNetwork(u, v) && kernel().sort(u, v)) continue;
    sortAscending(u);
    sortAscending(v);
  }
}

function ordersOfTwo(u: Float64Array, v: Float64Array): readonly [Int32Array, Int32Array] {
  const [ofU, ofV] = [new Int32Array(u.length), new Int32Array(v.length)];
  if (!suitNetwork(u, v) || !kernel().order(u, v, ofU, ofV)) return [sortOrder(u), sortOrder(v)];
  return [settle(u, ofU) ? ofU : sortOrder(u), settle(v, ofV) ? ofV : sortOrder(v)];
}

/** Orders that sort each of the lists; equal numbers keep their places (stable). They must not hold NaN. */
export function sortOrders(lines: readonly Float64Array[]): Int32Array[] {
  const orders: Int32Array[] = [];
  for (let l = 0; l < lines.length; l += 2)
    orders.push(...ordersOfTwo(lines[l], l + 1 < lines.length ? lines[l + 1] : none));
  return orders.slice(0, lines.length);
}

/** {@link sortOrders} of one list. */
export const sortOrderOf = (keys: Float64Array): Int32Array => ordersOfTwo(keys, none)[0];

/** Without any mass: stands beside a last list that is alone. */
const noAtoms: Atoms = { keys: none, mass: none };

/**
 * The sum over lists of |mass of the atoms up to one| times the way to the next in ascending order, without masses of at most `least`;
 * undefined where this needs more care than a kernel takes.
 */
export function flowCostOf(lines: readonly Atoms[], least: number): number | undefined {
  let sum = 0;
  for (let l = 0; l < lines.length; l += 2) {
    const u = lines[l];
    const v = l + 1 < lines.length ? lines[l + 1] : noAtoms;
    const costs = suitNetwork(u.keys, v.keys) ? kernel().cost(u, v, least) : undefined;
    if (costs === undefined) return undefined;
    sum += costs[0];
    sum += costs[1]; // one after another, as without a kernel
  }
  return sum;
}
