// Basis terms of the equivariant linear maps between two atomic tensors (UNF, Zhou, Finn and Harrison 2024, section 3):
// one term per set partition of the joint indices whose blocks stay within one axis. An axis within another adds a rule:
// two of its indices may meet only where their enclosing indices meet (otherwise independent permutations pull them apart).

import type { LoweredDim, LoweredSpec } from "../symmetry/lower.ts";
import { setPartitions } from "./partitions.ts";

/** One basis term from tensor `input` to tensor `output` (ids of atomic tensors). */
export interface BasisTerm {
  readonly output: number;
  readonly input: number;
  /** Block label of every index, output indices first: the string `0112` of the literature as numbers. */
  readonly labels: readonly number[];
}

interface JointIndex {
  readonly axis: number;
  readonly parent: number | null;
}

/** Output indices, then input indices, as nodes with their parents renumbered. */
export function jointIndices(
  output: readonly LoweredDim[],
  input: readonly LoweredDim[],
): JointIndex[] {
  const shifted = input.map(({ axis, parent }) => ({
    axis,
    parent: parent === null ? null : parent + output.length,
  }));
  return [...output.map(({ axis, parent }) => ({ axis, parent })), ...shifted];
}

/** Valid partitions of a set of indices as label lists, in the order of the published code. */
export function validPartitions(indices: readonly JointIndex[]): number[][] {
  const axes: number[] = [];
  const visit = (i: number) => {
    const { axis, parent } = indices[i];
    if (parent !== null) visit(parent);
    if (!axes.includes(axis)) axes.push(axis);
  };
  indices.forEach((_, i) => visit(i));
  let partial: number[][][] = [[]];
  for (const axis of axes) {
    const nodes = indices.flatMap((index, i) => (index.axis === axis ? [i] : []));
    partial = partial.flatMap((blocks) => {
      const blockOf = (i: number | null) =>
        i === null ? -1 : blocks.findIndex((block) => block.includes(i));
      const groups = new Map<number, number[]>();
      for (const i of nodes) {
        const key = blockOf(indices[i].parent);
        groups.set(key, [...(groups.get(key) ?? []), i]);
      }
      let choices: number[][][] = [blocks];
      for (const group of groups.values()) {
        const partitions = setPartitions(group);
        choices = choices.flatMap((chosen) =>
          partitions.map((partition) => [...chosen, ...partition]),
        );
      }
      return choices;
    });
  }
  return partial.map((blocks) => labelsOf(blocks, indices.length));
}

/** Labels numbered by first appearance. */
function labelsOf(blocks: readonly (readonly number[])[], length: number): number[] {
  const labels = Array.from({ length }, () => -1);
  let next = 0;
  for (let i = 0; i < length; i++) {
    if (labels[i] !== -1) continue;
    for (const member of blocks.find((block) => block.includes(i)) ?? [i]) labels[member] = next;
    next++;
  }
  return labels;
}

/** All terms from one atomic tensor to another. */
export function enumerateTerms(lowered: LoweredSpec, output: number, input: number): BasisTerm[] {
  const indices = jointIndices(lowered.tensors[output].dims, lowered.tensors[input].dims);
  return validPartitions(indices).map((labels) => ({ output, input, labels }));
}
