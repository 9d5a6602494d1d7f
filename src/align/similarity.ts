// How alike two networks are as they stand: the mean product of their entries, in units of each tensor's root mean square.

import { rootMeanSquare } from "../parts/features/messages.ts";
import type { WeightReader } from "../parts/problem.ts";

/** A sum over entries as one number an entry; 0 where there are none. */
export const perEntry = (sum: number, entries: number): number =>
  entries === 0 ? 0 : sum / entries;

/** 1 for equal networks, 0 for unrelated ones; tensors count by their entries. Reads tensor by tensor. */
export async function similarityOf(
  names: Iterable<string>,
  a: WeightReader,
  b: WeightReader,
): Promise<number> {
  let total = 0;
  let entries = 0;
  for (const name of names) {
    const left = (await a(name)).data;
    const right = (await b(name)).data;
    const unit = rootMeanSquare(left) * rootMeanSquare(right);
    if (unit === 0) continue;
    let sum = 0;
    for (let i = 0; i < left.length; i++) sum += left[i] * right[i];
    total += sum / unit;
    entries += left.length;
  }
  return perEntry(total, entries);
}
