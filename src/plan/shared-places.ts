// Which pairs of atomic tensors share coefficients: those of equal roles at equal distance.

import type { AtomicTensor } from "../symmetry/lower.ts";

/** `layers.3.qkv.weight[1]` -> role `layers.#.qkv.weight[1]`, numbers [3]: slices of a tensor differ in role. */
export function roleOf({ name, source }: AtomicTensor): { role: string; numbers: number[] } {
  const numbers = [...source.matchAll(/\d+/g)].map(([digits]) => Number(digits));
  return { role: source.replaceAll(/\d+/g, "#") + name.slice(source.length), numbers };
}

/** How far apart two lists of numbers are; more than `maxDistance` is the same as `maxDistance` + 1. */
export const distanceOf = (
  a: readonly number[],
  b: readonly number[],
  maxDistance: number,
): string =>
  a.length === b.length
    ? a.map((x, i) => Math.max(-maxDistance - 1, Math.min(maxDistance + 1, x - b[i]))).join()
    : "apart";

/** A block of coefficients. */
export interface SharedPlace {
  readonly rows: number;
  readonly columns: number;
}

/** Tensors further apart than this share one block per direction, unless the caller says otherwise. */
export const defaultMaxDistance = 2;

/** Adds the blocks between two kinds of tensors, by what they share. */
export function sharedPlaces(
  from: readonly AtomicTensor[],
  to: readonly AtomicTensor[],
  labels: readonly string[],
  places: Map<string, SharedPlace[]>,
): void {
  const targets = to.map((tensor) => ({ ...roleOf(tensor), size: tensor.fixedSize }));
  for (const tensor of from) {
    const { role, numbers } = roleOf(tensor);
    for (const target of targets) {
      const distance = distanceOf(numbers, target.numbers, defaultMaxDistance);
      for (const label of labels) {
        const key = `${role}|${target.role}|${distance}|${label}`;
        const place = { rows: tensor.fixedSize, columns: target.size };
        const known = places.get(key);
        if (known === undefined) places.set(key, [place]);
        else if (!known.some(({ rows, columns }) => rows >= place.rows && columns >= place.columns))
          known.push(place);
      }
    }
  }
}
