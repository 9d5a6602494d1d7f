// From a spec to everything an executor needs: lowered tensors, plan and schedule, all plain data.

import { type FixedAxes, type LoweredSpec, lowerSpec } from "../symmetry/lower.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { compilePlan } from "./compile.ts";
import type { ScaleRule } from "./patterns.ts";
import type { Plan } from "./plan.ts";
import { type Schedule, schedulePlan } from "./schedule.ts";

/** A plan with the schedule by which it runs. */
export interface ExecutablePlan {
  readonly lowered: LoweredSpec;
  readonly plan: Plan;
  readonly schedule: Schedule;
}

/** How a spec is planned. */
export interface PlanOptions {
  /** @default "fold" */
  readonly fixedAxes?: FixedAxes;
  /** @default "ignore" */
  readonly scales?: ScaleRule;
}

/** The plan of a spec under the given rules. */
export function planSpec(spec: SymmetrySpec, options: PlanOptions = {}): ExecutablePlan {
  const { fixedAxes = "fold", scales = "ignore" } = options;
  return planLowered(lowerSpec(spec, { fixedAxes, dropFactors: scales === "ignore" }), scales);
}

/** The plan of a lowered spec. */
export function planLowered(lowered: LoweredSpec, scales: ScaleRule = "ignore"): ExecutablePlan {
  const plan = compilePlan(lowered, { scales });
  return { lowered, plan, schedule: schedulePlan(lowered, plan) };
}
