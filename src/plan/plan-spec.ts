// From a spec to everything an executor needs: lowered tensors, plan and schedule, all plain data.

import { type FixedAxes, type LoweredSpec, lowerSpec } from "../spec/lower.ts";
import type { SymmetrySpec } from "../spec/types.ts";
import { compilePlan } from "./compile.ts";
import type { ScaleRule } from "./patterns.ts";
import type { Plan } from "./plan.ts";
import { type Schedule, schedulePlan } from "./schedule.ts";

export interface ExecutablePlan {
  readonly lowered: LoweredSpec;
  readonly plan: Plan;
  readonly schedule: Schedule;
}

/** The plan of a spec under the given rules. */
export function planSpec(
  spec: SymmetrySpec,
  { fixedAxes = "fold", scales = "ignore" }: { fixedAxes?: FixedAxes; scales?: ScaleRule } = {},
): ExecutablePlan {
  const lowered = lowerSpec(spec, { fixedAxes });
  const plan = compilePlan(lowered, { scales });
  return { lowered, plan, schedule: schedulePlan(lowered, plan) };
}
