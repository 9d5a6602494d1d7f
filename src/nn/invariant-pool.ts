// Invariant pooling: per-tensor statistics that no group element changes. `complete` takes every linear invariant
// (diagonals too), `mean` only the mean of all entries, as the published code does.

import type { numpy as np } from "@jax-js/jax";
import { concatenateAll } from "../ops/concatenate.ts";
import type { Aggregation } from "../ops/execute.ts";
import type { ExecutablePlan } from "../plan/plan-spec.ts";
import { reduceInputs } from "../ops/execute.ts";
import { OptionError } from "../core/errors.ts";

export type PoolKind = "complete" | "mean";

export interface InvariantPool {
  /** Values per network and channel: the width of the result is this times the channels. */
  readonly width: number;
  /** Features -> [batch, width * channels]; consumes. */
  apply(features: np.Array[]): np.Array;
}

/** @throws {OptionError} when the spec's scale parts leave no linear invariant. */
export function invariantPool(
  executable: ExecutablePlan,
  kind: PoolKind,
  aggregation: Aggregation = "mean",
): InvariantPool {
  const { lowered, plan, schedule } = executable;
  const scalar = plan.products.findIndex(({ slots }) => slots.length === 0);
  if (scalar === -1)
    throw new OptionError(
      `invariantPool: no linear map of these weights is invariant to their scales; use scales: "ignore"`,
    );
  const { features } = plan.products[scalar];
  const pooled = features.flatMap(({ tensor, blocks }, i) =>
    kind === "complete" || blocks.every(({ dims }) => dims.length === 1)
      ? [{ tensor, value: schedule.features[scalar][i].value }]
      : [],
  );
  return {
    width: pooled.reduce((sum, { tensor }) => sum + lowered.tensors[tensor].fixedSize, 0),
    apply: (inputs) => {
      const values = reduceInputs(
        executable,
        inputs,
        aggregation,
        pooled.map(({ value }) => value),
      );
      return concatenateAll(
        pooled.map(({ value }) => values.get(value) as np.Array),
        1,
      );
    },
  };
}
