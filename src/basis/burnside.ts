// Burnside's identity: the number of independent equivariant maps equals the mean over the group of the squared number of
// weight entries an element leaves in place. Computed by listing permutations, independently of any partition.

import { UnsupportedError } from "../core/errors.ts";
import type { LoweredSpec } from "../symmetry/lower.ts";

const maxAxisSize = 7;

/** How often a permutation of `size` things has f fixed points, for f = 0..size, as probabilities; lists all of them. */
function fixedPointLaw(size: number): number[] {
  const counts = Array.from({ length: size + 1 }, () => 0);
  const visit = (position: number, used: number, fixed: number): void => {
    if (position === size) {
      counts[fixed]++;
      return;
    }
    for (let image = 0; image < size; image++) {
      if ((used & (1 << image)) === 0)
        visit(position + 1, used | (1 << image), fixed + (image === position ? 1 : 0));
    }
  };
  visit(0, 0, 0);
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => count / total);
}

/**
 * Dimension of the equivariant linear maps of a weight space to itself, one channel.
 * @throws {UnsupportedError} for axes of more than 7 entries (7! permutations are listed) or axes within others.
 */
export function burnsideDimension(lowered: LoweredSpec): number {
  for (const { name, size, parent } of lowered.axes) {
    if (size > maxAxisSize)
      throw new UnsupportedError(
        `burnsideDimension: axis "${name}" has size ${size}, expected at most ${maxAxisSize}`,
      );
    if (parent !== null)
      throw new UnsupportedError(
        `burnsideDimension: axis "${name}" lies within another, expected free axes`,
      );
  }
  const laws = lowered.axes.map(({ size }) => fixedPointLaw(size));
  const fixed = lowered.axes.map(() => 0);
  let mean = 0;
  const visit = (axis: number, probability: number): void => {
    if (axis === laws.length) {
      const entries = lowered.tensors.reduce(
        (sum, { dims, fixedSize }) =>
          sum + dims.reduce((product, dim) => product * fixed[dim.axis], fixedSize),
        0,
      );
      mean += probability * entries * entries;
      return;
    }
    for (const [count, chance] of laws[axis].entries()) {
      if (chance === 0) continue;
      fixed[axis] = count;
      visit(axis + 1, probability * chance);
    }
  };
  visit(0, 1);
  return mean;
}
