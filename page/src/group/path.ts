// A walk through the group: every step swaps two units of one hidden layer on top of the swaps before.

import { composeElements, type GroupElement, identityElement, randomStream } from "weightspace";
import { spec } from "./network.ts";

/** Steps of the slider. */
export const steps = 24;

/** The hidden axes. */
export const axes = Object.keys(spec.axes).filter((axis) => spec.axes[axis].group !== "fixed");

function swap(axis: string, i: number, j: number): GroupElement {
  const order = Array.from({ length: spec.axes[axis].size }, (_, at) => at);
  [order[i], order[j]] = [order[j], order[i]];
  return { ...identityElement(spec), [axis]: { permutations: [order] } };
}

/** The elements along the walk, the identity first. */
export function walk(seed: number): GroupElement[] {
  const random = randomStream(seed);
  const elements = [identityElement(spec)];
  for (let step = 0; step < steps; step++) {
    const axis = axes[step % axes.length];
    const { size } = spec.axes[axis];
    const i = random.integer(size);
    const j = (i + 1 + random.integer(size - 1)) % size;
    elements.push(composeElements(spec, swap(axis, i, j), elements[step]));
  }
  return elements;
}

/** Which unit stands at every place of an axis, from 0. */
export function unitsAt(element: GroupElement, axis: string): number[] {
  const units = Array.from({ length: spec.axes[axis].size }, (_, at) => at);
  for (const [unit, place] of (element[axis]?.permutations[0] ?? []).entries()) units[place] = unit;
  return units;
}

/** A permutation in cycles, `(1 4 2)(3 5)`; units are counted from 1. */
export function cyclesText(element: GroupElement, axis: string): string {
  const goes = element[axis]?.permutations[0] ?? [];
  const seen = new Set<number>();
  const cycles: string[] = [];
  for (const start of goes.keys()) {
    const cycle: number[] = [];
    for (let at = start; !seen.has(at); at = goes[at]) {
      seen.add(at);
      cycle.push(at + 1);
    }
    if (cycle.length > 1) cycles.push(`(${cycle.join(" ")})`);
  }
  return cycles.length === 0 ? "every unit in place" : cycles.join("");
}
