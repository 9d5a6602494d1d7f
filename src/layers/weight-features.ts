// The way from weights to the features that layers read, and back: a spec lowered, planned, its tensors of equal axes merged.

import type { numpy as np } from "@jax-js/jax";
import { mergeTensors } from "../plan/merge-tensors.ts";
import { type ExecutablePlan, planLowered } from "../plan/plan-spec.ts";
import { type FixedAxes, lowerSpec } from "../symmetry/lower.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { mergeAtoms, putTogether, separateAtoms, takeApart } from "./take-apart.ts";

export interface WeightFeatureOptions {
  /** Channels of the weights themselves. @default 1 */
  readonly channels?: number;
  /** Permute fixed axes, or fold them into channels. @default "permute" */
  readonly fixedAxes?: FixedAxes;
}

/** What layers over a spec read and make. */
export interface WeightFeatures {
  /** What layers are built over. */
  readonly executable: ExecutablePlan;
  /** Weights of a batch of networks -> features, one array [batch, ...dims, fixed * channels] a merged tensor. @consumes @throws {ShapeError} */
  open(weights: { [tensor: string]: np.Array }): np.Array[];
  /** Features of so many channels -> arrays [batch, ...shape, channels] by tensor name. @consumes */
  close(features: readonly np.Array[], channels: number): { [tensor: string]: np.Array };
}

/** Features over a spec: where an architecture of one's own begins and ends. */
export function weightFeatures(
  spec: SymmetrySpec,
  { channels = 1, fixedAxes = "permute" }: WeightFeatureOptions = {},
): WeightFeatures {
  const lowered = lowerSpec(spec, { fixedAxes, dropFactors: true });
  const merged = mergeTensors(lowered);
  return {
    executable: planLowered(merged, "ignore"),
    open: (weights) => mergeAtoms(merged, takeApart(lowered, weights, channels)),
    close: (features, outputs) =>
      putTogether(lowered, separateAtoms(merged, features, outputs), outputs),
  };
}
