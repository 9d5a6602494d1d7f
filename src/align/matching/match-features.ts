// A first guess: indices are paired by their features alone, enclosing axes first. Exact for two networks of one orbit.

import { lookup } from "../../core/records.ts";
import {
  enclosingAxes,
  type GroupElement,
  identityElement,
  instanceImages,
} from "../../symmetry/element.ts";
import { assignBest } from "./assign.ts";
import { type AxisFeatures, featureChannels, isMoving } from "../../parts/features/messages.ts";
import type { MatchProblem } from "../../parts/problem.ts";

/** The element that moves the second network's features nearest to the first's, axis by axis. */
export function matchFeatures(
  problem: MatchProblem,
  a: AxisFeatures,
  b: AxisFeatures,
): GroupElement {
  const { axes } = problem;
  const element: Record<string, GroupElement[string]> = { ...identityElement(problem) };
  const outerFirst = Object.keys(axes)
    .filter((name) => isMoving(axes[name]) && axes[name].group === "permutation")
    .sort((x, y) => enclosingAxes(problem, x).length - enclosingAxes(problem, y).length);
  for (const axis of outerFirst) {
    const { size, scale } = axes[axis];
    const signed = scale === "sign";
    const images = instanceImages(problem, element, axis);
    const permutations: number[][] = [];
    const scales: number[][] = [];
    for (const [instance, image] of images.entries()) {
      const gains = featureGains(a[axis], b[axis], size, image, instance, signed);
      const permutation = assignBest(gains, size);
      permutations.push(permutation);
      scales.push(
        permutation.map((row, column) =>
          signed && dot(a[axis], image * size + row, b[axis], instance * size + column) < 0
            ? -1
            : 1,
        ),
      );
    }
    element[axis] = { permutations, ...(lookup(element, axis)?.scales && { scales }) };
  }
  return element;
}

/** Minus the squared distance of features (of the nearer sign), [index of a, index of b]. */
export function featureGains(
  a: Float64Array,
  b: Float64Array,
  size: number,
  instanceA: number,
  instanceB: number,
  signed: boolean,
): Float64Array {
  const gains = new Float64Array(size * size);
  const norms = Float64Array.from({ length: size }, (_, j) => {
    const atB = instanceB * size + j;
    return dot(b, atB, b, atB);
  });
  for (let i = 0; i < size; i++) {
    const atA = instanceA * size + i;
    const norm = dot(a, atA, a, atA);
    for (let j = 0; j < size; j++) {
      const product = dot(a, atA, b, instanceB * size + j);
      gains[i * size + j] = 2 * (signed ? Math.abs(product) : product) - norm - norms[j];
    }
  }
  return gains;
}

function dot(a: Float64Array, i: number, b: Float64Array, j: number): number {
  let sum = 0;
  for (let r = 0; r < featureChannels; r++)
    sum += a[i * featureChannels + r] * b[j * featureChannels + r];
  return sum;
}
