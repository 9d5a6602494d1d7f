// Which basis term each (feature, target) pair of a plan's products is: the link between the fast and the slow executor.

import type { BasisTerm } from "../basis/terms.ts";
import type { LoweredSpec } from "../symmetry/lower.ts";
import type { Pattern, Plan } from "./plan.ts";

/** A term with the place of its coefficients in the product's matrix. */
export interface PlannedTerm extends BasisTerm {
  readonly product: number;
  /** First row and column of the coefficient block, in units of one channel. */
  readonly row: number;
  readonly column: number;
}

/** Every term of a plan, in the order of its products. */
export function plannedTerms(lowered: LoweredSpec, plan: Plan): PlannedTerm[] {
  const starts = (patterns: readonly Pattern[]) => {
    let next = 0;
    return patterns.map(({ tensor }) => {
      const start = next;
      next += lowered.tensors[tensor].fixedSize;
      return start;
    });
  };
  return plan.products.flatMap(({ features, targets }, product) => {
    const rows = starts(features);
    const columns = starts(targets);
    return targets.flatMap((target, t) =>
      features.map((feature, f): PlannedTerm => {
        const labels = jointLabels(target, feature);
        return {
          output: target.tensor,
          input: feature.tensor,
          labels,
          product,
          row: rows[f],
          column: columns[t],
        };
      }),
    );
  });
}

/** Labels of output then input dimensions; blocks in the same slot share one. Numbered by first appearance. */
export function jointLabels(target: Pattern, feature: Pattern): number[] {
  const keyed = ({ blocks }: Pattern, side: string) => {
    const keys: string[] = [];
    for (const [i, { dims, slot }] of blocks.entries()) {
      for (const dim of dims) keys[dim] = slot === null ? `${side}${i}` : `slot${slot}`;
    }
    return keys;
  };
  const keys = [...keyed(target, "out"), ...keyed(feature, "in")];
  const order = [...new Set(keys)];
  return keys.map((key) => order.indexOf(key));
}
