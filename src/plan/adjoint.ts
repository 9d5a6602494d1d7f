// The adjoint of a plan: a layer's gradient with respect to its inputs is a layer of the same kind, with features and
// targets exchanged. Written out as a plan, it runs on the same executor and needs no automatic differentiation.

import type { LoweredSpec } from "../symmetry/lower.ts";
import type { TensorRole } from "../symmetry/formula.ts";
import type { Pattern } from "./plan.ts";
import type { ExecutablePlan } from "./plan-spec.ts";
import { schedulePlan } from "./schedule.ts";

export interface AdjointPlan extends ExecutablePlan {
  /** Where features are means: the part of a mean's gradient that each of its entries gets, for every column of a product. */
  shares(product: number, channels: number): number[];
}

const exchanged: Readonly<Record<TensorRole, TensorRole>> = {
  both: "both",
  feature: "target",
  target: "feature",
  internal: "internal",
};

/** The spec with tensors that are read in place of those that are written, and the other way round. */
function exchangeRoles(lowered: LoweredSpec): LoweredSpec {
  if (lowered.tensors.every(({ role }) => role === undefined)) return lowered;
  const tensors = lowered.tensors.map(
    (tensor) => ({ ...tensor, role: exchanged[tensor.role ?? "both"] }) as const,
  );
  return { ...lowered, tensors };
}

/** The plan whose reductions are the adjoints of `plan`'s placements, and the other way round. */
export function adjointPlan({ lowered: original, plan }: ExecutablePlan): AdjointPlan {
  const lowered = exchangeRoles(original);
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
    shares: (product, channels) =>
      plan.products[product].features.flatMap((feature) => {
        const columns = lowered.tensors[feature.tensor].fixedSize * channels;
        return Array.from({ length: columns }, () => 1 / entriesOf(feature));
      }),
  };
}
