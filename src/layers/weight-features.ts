// The way from weights to the features that layers read, and back: a spec lowered, planned, its tensors of equal axes merged.

import type { numpy as np } from "@jax-js/jax";
import { type MergedSpec, mergeTensors } from "../plan/merge-tensors.ts";
import { type ExecutablePlan, planLowered } from "../plan/plan-spec.ts";
import { type FixedAxes, type LoweredSpec, lowerSpec } from "../symmetry/lower.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { mergeAtoms, pack, separateAtoms, unpack } from "./pack.ts";

/** How weights become features. */
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
  toFeatures(weights: { [tensor: string]: np.Array }): np.Array[];
  /** Features of so many channels -> arrays [batch, ...shape, channels] by tensor name. @consumes */
  fromFeatures(features: readonly np.Array[], channels: number): { [tensor: string]: np.Array };
}

/**
 * The two ways between the weights of a lowered spec, so many channels each, and the features of its merged tensors.
 * Shapes are those of {@link WeightFeatures}.
 */
export const featureWays = (
  lowered: LoweredSpec,
  merged: MergedSpec,
  channels: number,
): Omit<WeightFeatures, "executable"> => ({
  toFeatures: (weights) => mergeAtoms(merged, unpack(lowered, weights, channels)),
  fromFeatures: (features, outputs) =>
    pack(lowered, separateAtoms(merged, features, outputs), outputs),
});

/** Features over a spec: where an architecture of one's own begins and ends. */
export function weightFeatures(
  spec: SymmetrySpec,
  { channels = 1, fixedAxes = "permute" }: WeightFeatureOptions = {},
): WeightFeatures {
  const lowered = lowerSpec(spec, { fixedAxes, dropFactors: true });
  const merged = mergeTensors(lowered);
  return { executable: planLowered(merged, "ignore"), ...featureWays(lowered, merged, channels) };
}
