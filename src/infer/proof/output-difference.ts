// Comparing the outputs of two models: the largest difference of every output over its scale.

import { lookup } from "../../core/records.ts";
import type { ModelArray } from "../../runtime/executor.ts";

export type Outputs = Readonly<Record<string, ModelArray>>;

/** Outputs below this are rounding noise and left out. */
export const minScale = 1e-6;

/** Whether an output holds no NaN and no infinity. */
export const isFinite = ({ data }: ModelArray): boolean =>
  data instanceof Float32Array || data instanceof Float64Array ? data.every(Number.isFinite) : true;

/** Largest absolute entry of every output. */
export function scalesOf(outputs: Outputs): Map<string, number> {
  return new Map(
    Object.entries(outputs).map(([name, { data }]) => {
      let scale = 0;
      for (const entry of data) scale = Math.max(scale, Math.abs(Number(entry)));
      return [name, scale] as const;
    }),
  );
}

/** Largest difference of any output over its scale; NaN and missing outputs differ infinitely. */
export function difference(
  before: Outputs,
  after: Outputs,
  scales: ReadonlyMap<string, number>,
): number {
  let worst = 0;
  for (const [name, { data }] of Object.entries(before)) {
    const other = lookup(after, name)?.data;
    if (other === undefined || other.length !== data.length) return Infinity;
    let gap = 0;
    for (let i = 0; i < data.length; i++) {
      if (Number.isNaN(Number(other[i]))) return Infinity;
      gap = Math.max(gap, Math.abs(Number(data[i]) - Number(other[i])));
    }
    const scale = scales.get(name) ?? 0;
    if (scale >= minScale) worst = Math.max(worst, gap / scale);
  }
  return worst;
}
