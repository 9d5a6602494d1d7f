// Groups of pairs side by side: in this thread, or in worker threads that Node provides.

import type { HostRecord } from "../../engine/arrays.ts";
import type { InnerTask } from "../../tasks/inner/inner-task.ts";
import { optimizerKind } from "../registry.ts";
import { kernelUnrollGroup } from "./kernel-unrolls.ts";
import type { MetaSettings } from "./settings.ts";
import { type UnrollGroup, unrollGroup } from "./unrolls.ts";

/** What a group is opened with; plain data, so that it can be sent to a thread. */
export interface GroupRequest {
  readonly settings: MetaSettings;
  /** How many pairs. */
  readonly pairs: number;
}

/** Where unrolls of meta-training take place. */
export interface UnrollPool {
  /** Groups at most. */
  readonly width: number;
  readonly open: (request: GroupRequest) => Promise<UnrollGroup>;
}

/** One group in this thread. */
export const unrollInPlace = (task: InnerTask): UnrollPool => ({
  width: 1,
  open: async ({ settings, pairs }) => {
    const program = optimizerKind(settings.kind).program(task.spec);
    const unroll = settings.kernels === undefined ? unrollGroup : kernelUnrollGroup;
    return unroll({ settings, task, program, pairs });
  },
});

/** How many pairs each of so many groups has: as equal as can be. */
export const groupSizes = (pairs: number, groups: number): number[] => {
  const count = Math.min(pairs, groups);
  return Array.from(
    { length: count },
    (_, at) => Math.floor((pairs * (at + 1)) / count) - Math.floor((pairs * at) / count),
  );
};

/** Records of groups [2 p, ...], twins in two halves, as one [P, 2, ...] in the order of the pairs. */
export function joinGroups(saved: readonly HostRecord[], sizes: readonly number[]): HostRecord {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return Object.fromEntries(
    Object.entries(saved[0]).map(([name, { shape }]) => {
      const entries = saved[0][name].data.length / (2 * sizes[0]);
      const data = new Float32Array(2 * total * entries);
      let at = 0;
      for (const [group, size] of sizes.entries()) {
        const values = saved[group][name].data;
        for (let pair = 0; pair < size; pair++, at++) {
          for (const twin of [0, 1]) {
            const from = (twin * size + pair) * entries;
            data.set(values.subarray(from, from + entries), (2 * at + twin) * entries);
          }
        }
      }
      return [name, { shape: [total, 2, ...shape.slice(1)], data }];
    }),
  );
}

/** The way back: what each group loads. */
export function separateGroups(joined: HostRecord, sizes: readonly number[]): HostRecord[] {
  let first = 0;
  return sizes.map((size) => {
    const record = Object.fromEntries(
      Object.entries(joined).map(([name, { shape, data: all }]) => {
        const entries = all.length / (2 * shape[0]);
        const data = new Float32Array(2 * size * entries);
        for (let pair = 0; pair < size; pair++) {
          for (const twin of [0, 1]) {
            const from = (2 * (first + pair) + twin) * entries;
            data.set(all.subarray(from, from + entries), (twin * size + pair) * entries);
          }
        }
        return [name, { shape: [2 * size, ...shape.slice(2)], data }];
      }),
    );
    first += size;
    return record;
  });
}
