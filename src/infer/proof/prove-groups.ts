// Proofs of many axes at once: groups of axes are acted on together, and a group that does not hold is halved until the axes
// that break it are found. The cost is that of a few dozen runs, however many axes there are, of fewer for very large graphs.

import type { AxisProof } from "./axis-proof.ts";

/** From this many axes on they are proved in groups. */
export const manyAxes = 200;
/** Groups at the beginning; fewer where every run is dear. */
export const groupCounts = { usual: 32, few: 4 } as const;

/** The proof of axes that are acted on together, as that of each. */
export type ProveTogether = (axes: readonly string[]) => Promise<Omit<AxisProof, "axis">>;

/**
 * The proof of every axis. One that holds in a group has the error and the control of the group, and the size of the group as
 * `together`.
 */
export async function proveInGroups(
  axes: readonly string[],
  prove: ProveTogether,
  groupCount: number = groupCounts.usual,
  onAxis: (proof: AxisProof, done: number) => void = () => undefined,
): Promise<AxisProof[]> {
  const size = Math.max(1, Math.ceil(axes.length / groupCount));
  const found = new Map<string, AxisProof>();
  const open: (readonly string[])[] = [];
  for (let start = 0; start < axes.length; start += size)
    open.push(axes.slice(start, start + size));
  for (let group = open.pop(); group !== undefined; group = open.pop()) {
    const proof = await prove(group);
    if (proof.holds || group.length === 1) {
      const together = group.length > 1 ? { together: group.length } : {};
      for (const axis of group) {
        const own = { axis, ...proof, ...together };
        found.set(axis, own);
        onAxis(own, found.size);
      }
      continue;
    }
    const half = group.length >> 1;
    open.push(group.slice(half), group.slice(0, half));
  }
  return axes.flatMap((axis) => found.get(axis) ?? []);
}
