// Lists of tensors of small models, put together from layers.

import type { NamedShape } from "../../../src/infer/names/template.ts";

type Entry = readonly [name: string, ...shape: number[]];

export const listed = (...entries: readonly (Entry | readonly Entry[])[]): NamedShape[] =>
  entries.flatMap((entry) => {
    const all = typeof entry[0] === "string" ? [entry as Entry] : (entry as readonly Entry[]);
    return all.map(([name, ...shape]) => ({ name, shape }));
  });

export const gain = (name: string, size: number): Entry[] => [[`${name}.weight`, size]];

export const normOf = (name: string, size: number): Entry[] => [
  [`${name}.weight`, size],
  [`${name}.bias`, size],
];

export const linearOf = (name: string, to: number, from: number): Entry[] => [
  [`${name}.weight`, to, from],
  [`${name}.bias`, to],
];

export const matrixOf = (name: string, to: number, from: number): Entry[] => [
  [`${name}.weight`, to, from],
];

export const convOf = (name: string, to: number, from: number, size = 3): Entry[] => [
  [`${name}.weight`, to, from, size, size],
];

export const batchNormOf = (name: string, size: number): Entry[] => [
  ...normOf(name, size),
  [`${name}.running_mean`, size],
  [`${name}.running_var`, size],
];

/** A convolution and its normalisation. */
export const convNormOf = (
  conv: string,
  norm: string,
  to: number,
  from: number,
  size = 3,
): Entry[] => [...convOf(conv, to, from, size), ...batchNormOf(norm, to)];

export const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
