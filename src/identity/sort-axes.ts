// From a comparison of indices to the group element that sorts them.

import {
  enclosingAxes,
  type GroupElement,
  identityElement,
  instanceImages,
} from "../symmetry/element.ts";
import { isReordered } from "../parts/colours/colours.ts";
import type { MatchProblem } from "../parts/problem.ts";

/** Indices that no invariant tells apart; their order in the canonical form is arbitrary. */
export interface Tie {
  readonly axis: string;
  /** Indices of the given network, over all instances of the axis. */
  readonly indices: readonly number[];
}

/** The element that sorts every axis, enclosing axes first. */
export function sortAxes(
  problem: MatchProblem,
  compare: (axis: string, x: number, y: number) => number,
  sign: (axis: string, index: number) => number,
): GroupElement {
  const { axes } = problem;
  const element: Record<string, GroupElement[string]> = { ...identityElement(problem) };
  const outerFirst = Object.keys(axes)
    .filter((name) => isReordered(axes[name]))
    .sort((x, y) => enclosingAxes(problem, x).length - enclosingAxes(problem, y).length);
  for (const axis of outerFirst) {
    const { size, scale } = axes[axis];
    const instances = instanceImages(problem, element, axis).length;
    const at = (instance: number) => Array.from({ length: size }, (_, i) => instance * size + i);
    const permutations = Array.from({ length: instances }, (_, instance) => {
      const sorted = at(instance).toSorted((x, y) => compare(axis, x, y) || x - y);
      const permutation = Array.from({ length: size }, () => 0);
      for (const [place, index] of sorted.entries()) permutation[index - instance * size] = place;
      return permutation;
    });
    const { scales } = element[axis];
    const signs = permutations.map((_, instance) => at(instance).map((index) => sign(axis, index)));
    element[axis] = { permutations, ...(scales && { scales: scale === "sign" ? signs : scales }) };
  }
  return element;
}
