// Networks that a population holds more than once. Two runs with a network in common must not stand on both sides of a
// split, or the answer for one is known from the other.

import { sizeOf } from "../../core/shapes.ts";

/** One tensor of all networks, row-major [networks, ...shape]. */
export interface Stack {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** A hash of the bits of one network's weights (FNV-1a over 32-bit words); equal for equal bits. */
function hashBits(stacks: readonly Stack[], network: number): number {
  let hash = 0x811c9dc5;
  for (const { shape, data } of stacks) {
    const size = sizeOf(shape);
    const words = new Uint32Array(data.buffer, data.byteOffset + 4 * network * size, size);
    for (const word of words) {
      hash = Math.imul(hash ^ (word & 0xffff), 0x01000193);
      hash = Math.imul(hash ^ (word >>> 16), 0x01000193);
    }
  }
  return hash >>> 0;
}

/** Whether two networks have the same bits. */
function isSame(stacks: readonly Stack[], a: number, b: number): boolean {
  return stacks.every(({ shape, data }) => {
    const size = sizeOf(shape);
    const of = (network: number) =>
      new Uint32Array(data.buffer, data.byteOffset + 4 * network * size, size);
    const [left, right] = [of(a), of(b)];
    return left.every((word, i) => word === right[i]);
  });
}

/** [networks], of every network the first with the same bits: its own position unless it is a copy. */
export function findOriginals(networks: number, stacks: readonly Stack[]): number[] {
  const byHash = new Map<number, number[]>();
  return Array.from({ length: networks }, (_, network) => {
    const hash = hashBits(stacks, network);
    const alike = byHash.get(hash) ?? [];
    const original = alike.find((other) => isSame(stacks, other, network));
    if (original !== undefined) return original;
    byHash.set(hash, [...alike, network]);
    return network;
  });
}

/** Numbers for values, equal for equal ones, in the order in which they first appear. */
export function numberInOrder(values: readonly (string | number)[]): number[] {
  const numbers = new Map<string | number, number>();
  return values.map((value) => {
    const number = numbers.get(value) ?? numbers.size;
    numbers.set(value, number);
    return number;
  });
}

/** [networks], a number for every run; runs that share a network, directly or through others, have one number. */
export function groupRuns(runs: readonly string[], originals: readonly number[]): number[] {
  const parents = new Map<string, string>();
  const rootOf = (run: string): string => {
    let root = run;
    for (let above = parents.get(root); above !== undefined; above = parents.get(root)) {
      root = above;
    }
    return root;
  };
  for (const [network, original] of originals.entries()) {
    const [root, other] = [rootOf(runs[network]), rootOf(runs[original])];
    if (root !== other) parents.set(root, other);
  }
  return numberInOrder(runs.map(rootOf));
}
