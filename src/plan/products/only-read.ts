// Leaves out derived tensors that a plan does not read, and what only they are made of.

import type { AtomicTensor, LoweredSpec } from "../../symmetry/lower.ts";
import { membersOf } from "../merge-tensors.ts";
import type { ExecutablePlan } from "../plan-spec.ts";
import { pruneDerived } from "./derived.ts";

/** A spec with products as `executable` needs it, which was planned over its tensors; ids of its own tensors stay. */
export function onlyRead(derived: LoweredSpec, { lowered, plan }: ExecutablePlan): LoweredSpec {
  const read = new Set(
    plan.products.flatMap(({ features }) =>
      features.flatMap(({ tensor }) => membersOf(lowered, tensor).map(({ id }) => id)),
    ),
  );
  const tensors = derived.tensors.map((tensor): AtomicTensor =>
    tensor.formula === undefined || tensor.role !== "feature" || read.has(tensor.id)
      ? tensor
      : { ...tensor, role: "internal" },
  );
  const own = { ...derived, tensors: derived.tensors.filter(({ formula }) => !formula) };
  return Object.freeze({ ...derived, tensors: pruneDerived(own, tensors) });
}
