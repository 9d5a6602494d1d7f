// The adjoint of a plan: a layer's gradient with respect to its inputs is a layer of the same kind, with features and
// targets exchanged. Written out as a plan, it runs on the same executor and needs no automatic differentiation.

import type { Pattern } from "./plan.ts";
import type { ExecutablePlan } from "./plan-spec.ts";
import { schedulePlan } from "./schedule.ts";

export interface AdjointPlan extends ExecutablePlan {
  /**
   * Per product and target of the adjoint: how many entries the feature it answers to aggregates. A mean hands this part of
   * its gradient to every one of them.
   */
  readonly aggregated: readonly (readonly number[])[];
}

/** The plan whose reductions are the adjoints of `plan`'s placements, and the other way round. */
export function adjointPlan({ lowered, plan }: ExecutablePlan): AdjointPlan {
  const products = plan.products.map(({ slots, features, targets }) => ({
    slots,
    features: targets,
    targets: features,
  }));
  const entriesOf = ({ tensor, blocks }: Pattern) =>
    blocks
      .filter(({ slot }) => slot === null)
      .reduce(
        (n, { dims }) => n * lowered.axes[lowered.tensors[tensor].dims[dims[0]].axis].size,
        1,
      );
  const swapped = Object.freeze({ products, terms: plan.terms });
  return {
    lowered,
    plan: swapped,
    schedule: schedulePlan(lowered, swapped),
    aggregated: plan.products.map(({ features }) => features.map(entriesOf)),
  };
}
