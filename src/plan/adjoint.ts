// The adjoint of a plan: a layer's gradient with respect to its inputs is a layer of the same kind, with features and
// targets exchanged. Written out as a plan, it runs on the same executor and needs no automatic differentiation.

import type { LoweredSpec } from "../symmetry/lower.ts";
import type { TensorRole } from "../symmetry/formula.ts";
import type { Plan, Product } from "./plan.ts";
import type { ExecutablePlan } from "./plan-spec.ts";
import { schedulePlan } from "./schedule.ts";

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

/** The products of a plan with features and targets exchanged. */
export const exchangedProducts = ({ products }: Plan): Product[] =>
  products.map(({ slots, features, targets }) => ({ slots, features: targets, targets: features }));

/** Where features are means: the part of a mean's gradient that each of its entries gets, for every column of a product. */
export const meanShares = (
  { lowered: { axes, tensors }, plan }: ExecutablePlan,
  product: number,
  channels: number,
): number[] =>
  plan.products[product].features.flatMap(({ tensor, blocks }) => {
    const { dims: axesOf, fixedSize } = tensors[tensor];
    const entries = blocks
      .filter(({ slot }) => slot === null)
      .reduce((n, { dims }) => n * axes[axesOf[dims[0]].axis].size, 1);
    return Array.from({ length: fixedSize * channels }, () => 1 / entries);
  });

/** The plan whose reductions are the adjoints of `plan`'s placements, and the other way round. */
export function adjointPlan({ lowered: original, plan }: ExecutablePlan): ExecutablePlan {
  const lowered = exchangeRoles(original);
  const swapped = Object.freeze({ products: exchangedProducts(plan), terms: plan.terms });
  return { lowered, plan: swapped, schedule: schedulePlan(lowered, swapped) };
}
