// The ways to read one tensor: every partition of its dimensions, every choice of blocks that are carried through, with
// the signature (the forest of carried axes) that decides which product it takes part in.

import { stirlingNumber } from "../basis/partitions.ts";
import { validPartitions } from "../basis/terms.ts";
import type { AtomicTensor, LoweredSpec } from "../symmetry/lower.ts";
import { powerOf } from "../symmetry/parts.ts";

/** Whether terms must also commute with scale parts and general-linear maps, or with permutations only. */
export type ScaleRule = "ignore" | "respect";

/** A block with what decides its fate. */
export interface OpenBlock {
  readonly dims: readonly number[];
  readonly axis: number;
  /** Index of the enclosing block, or null. */
  readonly parent: number | null;
  readonly charge: number;
}

/** A partition with some blocks carried. */
export interface OpenPattern {
  readonly blocks: readonly OpenBlock[];
  readonly carried: readonly boolean[];
}

/**
 * An upper bound of how many features a tensor gives to a plan, without listing them: the partitions of its dimensions,
 * the choices of blocks that are carried, and the orders in which blocks of one axis can meet the slots of a product.
 */
export function countFeatures({ dims }: Pick<AtomicTensor, "dims">): number {
  const occurrences = new Map<number, number>();
  for (const { axis } of dims) occurrences.set(axis, (occurrences.get(axis) ?? 0) + 1);
  return [...occurrences.values()].reduce((product, n) => {
    let ways = 0;
    for (let blocks = 0; blocks <= n; blocks++) {
      let arrangements = 0;
      for (let carried = 0, count = 1; carried <= blocks; count *= blocks - carried++)
        arrangements += count; // blocks! / (blocks - carried)!
      ways += stirlingNumber(n, blocks) * arrangements;
    }
    return product * ways;
  }, 1);
}

/** All patterns of a tensor, in the order of its partitions, those that carry most first. */
export function openPatterns(
  lowered: LoweredSpec,
  tensor: AtomicTensor,
  scales: ScaleRule,
): OpenPattern[] {
  const partitions = validPartitions(tensor.dims);
  return partitions.flatMap((labels) => {
    const count = Math.max(-1, ...labels) + 1;
    const blocks = Array.from({ length: count }, (_, label): OpenBlock => {
      const dims = labels.flatMap((other, dim) => (other === label ? [dim] : []));
      const { axis, parent } = tensor.dims[dims[0]];
      return {
        dims,
        axis,
        parent: parent === null ? null : labels[parent],
        charge: scales === "respect" ? chargeOf(lowered, tensor, dims) : 0,
      };
    });
    const choices = Array.from({ length: 2 ** count }, (_, mask) =>
      blocks.map((_, i) => (mask & (1 << i)) === 0),
    );
    return choices
      .filter((carried) =>
        blocks.every((block, i) => isAllowed(lowered, blocks, carried, block, i, scales)),
      )
      .map((carried) => ({ blocks, carried }));
  });
}

/** Net scale power of a block: signs count modulo 2; inverse dimensions count negatively. */
function chargeOf(lowered: LoweredSpec, tensor: AtomicTensor, dims: readonly number[]): number {
  const { scale, group } = lowered.axes[tensor.dims[dims[0]].axis];
  const power = dims.reduce((sum, dim) => sum + powerOf(tensor.dims[dim]), 0);
  if (scale === "sign") return Math.abs(power % 2);
  return scale === "positive" || group === "general-linear" ? power : 0;
}

function isAllowed(
  lowered: LoweredSpec,
  blocks: readonly OpenBlock[],
  carried: readonly boolean[],
  { axis, parent, charge, dims }: OpenBlock,
  at: number,
  scales: ScaleRule,
): boolean {
  if (carried[at] && parent !== null && blocks[parent] !== undefined && !carried[parent])
    return false;
  if (scales === "ignore") return true;
  // Under general-linear maps only contractions of a dimension with an inverse one, and plain carries, commute.
  if (lowered.axes[axis].group === "general-linear" && dims.length !== (carried[at] ? 1 : 2))
    return false;
  return carried[at] || charge === 0;
}

/** Text that two patterns share exactly when their carried blocks form the same forest of axes and charges. */
export function signatureOf({ blocks, carried }: OpenPattern): string {
  const describe = (parent: number | null): string =>
    blocks
      .flatMap((block, i) =>
        carried[i] && block.parent === parent
          ? [`${block.axis}:${block.charge}(${describe(i)})`]
          : [],
      )
      .sort()
      .join();
  return describe(null);
}
