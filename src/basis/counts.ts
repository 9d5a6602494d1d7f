// How many basis terms there are, and how many of them are independent, without listing them: products of Bell numbers,
// or of bounded Bell numbers (sums of Stirling numbers) where an axis is smaller than the number of its indices.

import type { LoweredSpec } from "../symmetry/lower.ts";
import { bellNumber, boundedBell } from "./partitions.ts";
import { jointIndices } from "./terms.ts";

/** Number of terms from atomic tensor `input` to `output`. */
export function countTerms(lowered: LoweredSpec, output: number, input: number): number {
  const unbounded = () => Number.POSITIVE_INFINITY;
  return countPatterns(lowered, output, input, unbounded, (_axis, count) => bellNumber(count));
}

/** Dimension of the space those terms span: smaller than their number when an axis is small. */
export function countIndependentTerms(lowered: LoweredSpec, output: number, input: number): number {
  const size = (axis: number) => lowered.axes[axis].size;
  return countPatterns(lowered, output, input, size, (axis, count) =>
    boundedBell(count, size(axis)),
  );
}

/** Terms of a whole layer: the sum over all ordered pairs of atomic tensors. */
export function countLayerTerms(lowered: LoweredSpec): number {
  return sumOverPairs(lowered, (output, input) => countTerms(lowered, output, input));
}

/** Independent terms of a whole layer: the dimension of the equivariant maps of the weight space to itself. */
export function countIndependentLayerTerms(lowered: LoweredSpec): number {
  return sumOverPairs(lowered, (output, input) => countIndependentTerms(lowered, output, input));
}

/** Weights of a layer with these channels: every term once per pair of folded channels. Biases not counted. */
export function countLayerWeights(
  lowered: LoweredSpec,
  inputChannels: number,
  outputChannels: number,
): number {
  const perChannel = sumOverPairs(lowered, (output, input) => {
    const folded = lowered.tensors[output].fixedSize * lowered.tensors[input].fixedSize;
    return countTerms(lowered, output, input) * folded;
  });
  return perChannel * inputChannels * outputChannels;
}

function sumOverPairs(
  lowered: LoweredSpec,
  count: (output: number, input: number) => number,
): number {
  // Pairs with the same dimensions have the same count: group tensors first, the pairs of groups are few.
  const groups = new Map<string, number[]>();
  for (const { id, dims, fixedSize } of lowered.tensors) {
    const key = `${dims.map(({ axis, parent }) => `${axis}@${parent}`).join()}|${fixedSize}`;
    groups.set(key, [...(groups.get(key) ?? []), id]);
  }
  let total = 0;
  for (const outputs of groups.values()) {
    for (const inputs of groups.values())
      total += outputs.length * inputs.length * count(outputs[0], inputs[0]);
  }
  return total;
}

/**
 * Product over free axes of `count(axis, occurrences)`; an axis that encloses others is summed over its own partitions
 * because the enclosed indices can only meet inside one block.
 */
function countPatterns(
  lowered: LoweredSpec,
  output: number,
  input: number,
  blockLimit: (axis: number) => number,
  count: (axis: number, occurrences: number) => number,
): number {
  const indices = jointIndices(lowered.tensors[output].dims, lowered.tensors[input].dims);
  const countAxis = (axis: number, nodes: readonly number[]): number => {
    const inside = indices.flatMap(({ parent }, i) =>
      parent !== null && nodes.includes(parent) ? [i] : [],
    );
    if (inside.length === 0) return count(axis, nodes.length);
    return sumOverPartitions(nodes, blockLimit(axis), countInside);
  };
  const countInside = (block: readonly number[] | null): number => {
    const byAxis = new Map<number, number[]>();
    for (const [i, { axis, parent }] of indices.entries()) {
      const here = block === null ? parent === null : parent !== null && block.includes(parent);
      if (here) byAxis.set(axis, [...(byAxis.get(axis) ?? []), i]);
    }
    return [...byAxis].reduce((product, [axis, nodes]) => product * countAxis(axis, nodes), 1);
  };
  return countInside(null);
}

/**
 * Sum over the partitions of a set into at most `limit` blocks of the product of the blocks' weights: the block of the
 * first element is chosen, the rest is a smaller sum, each computed once per subset.
 */
function sumOverPartitions(
  nodes: readonly number[],
  limit: number,
  weight: (block: readonly number[]) => number,
): number {
  const known = new Map<string, number>();
  const sum = (rest: readonly number[], blocks: number): number => {
    if (rest.length === 0) return 1;
    if (blocks === 0) return 0;
    const key = `${rest.join()}|${blocks}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const [first, ...others] = rest;
    let total = 0;
    for (let mask = 0; mask < 2 ** others.length; mask++) {
      const block = [first, ...others.filter((_, i) => (mask & (1 << i)) !== 0)];
      const left = others.filter((_, i) => (mask & (1 << i)) === 0);
      total += weight(block) * sum(left, blocks - 1);
    }
    known.set(key, total);
    return total;
  };
  return sum(nodes, Math.min(limit, nodes.length));
}
