// Invariant pooling: per-tensor statistics that no group element changes. `complete` takes every linear invariant
// (diagonals too), `mean` only the mean of all entries, as the published code does.

import { numpy as np } from "@jax-js/jax";
import { OptionError } from "../core/errors.ts";
import { concatenateAll } from "./pointwise/concatenate.ts";
import { type Aggregation, placeProducts, readFeatures } from "./execute.ts";
import { adjointPlan, meanShares } from "../plan/adjoint.ts";
import type { ExecutablePlan } from "../plan/plan-spec.ts";
import { schedulePlan } from "../plan/schedule.ts";
import { type Stage, stage } from "./stage.ts";

/** `complete` keeps diagonals, `mean` is the mean of every tensor, as published. */
export type PoolKind = "complete" | "mean";

/** Numbers of features that no group element changes. */
export interface InvariantPool {
  /** Values per network and channel: the width of the result is this times the channels. */
  readonly width: number;
  /** The features that are pooled, as one product without slots. */
  readonly executable: ExecutablePlan;
  /** Features -> [batch, width * channels]. @consumes */
  apply(features: np.Array[]): np.Array;
  /** The same as a stage, for features of so many channels. */
  stage(channels: number): Stage;
}

/** @throws {OptionError} when the spec's scale parts leave no linear invariant. */
export function invariantPool(
  executable: ExecutablePlan,
  kind: PoolKind,
  aggregation: Aggregation = "mean",
): InvariantPool {
  const { lowered, plan } = executable;
  const scalar = plan.products.find(({ slots }) => slots.length === 0);
  if (scalar === undefined)
    throw new OptionError(
      `invariantPool: no linear map of these weights is invariant to their scales; use scales: "ignore"`,
    );
  const features = scalar.features.filter(
    ({ blocks }) => kind === "complete" || blocks.every(({ dims }) => dims.length === 1),
  );
  const pooling = { products: [{ slots: [], features, targets: [] }], terms: 0 };
  const pooled = { lowered, plan: pooling, schedule: schedulePlan(lowered, pooling) };
  const adjoint = adjointPlan(pooled);
  const apply = (inputs: readonly np.Array[]): np.Array =>
    concatenateAll(readFeatures(pooled, inputs, aggregation)[0], 1);
  return {
    width: features.reduce((sum, { tensor }) => sum + lowered.tensors[tensor].fixedSize, 0),
    executable: pooled,
    apply,
    stage: (channels) =>
      stage(
        null,
        (_, inputs) => [apply(inputs)],
        (inputs, [gradient]) => {
          const factors =
            aggregation === "mean"
              ? np.reshape(np.array(meanShares(pooled, 0, channels)), [1, -1])
              : 1;
          const shared = np.multiply(gradient, factors);
          return placeProducts(adjoint, [shared], inputs[0].shape[0], channels);
        },
      ),
  };
}
