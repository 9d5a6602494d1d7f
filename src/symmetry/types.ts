// The types of symmetry specs, shared by everything in this folder and below it.

import type { SpecProblem } from "../core/errors.ts";
import type { AxisExpression } from "./expression.ts";

/**
 * The group acting on an axis: nothing (`fixed`), all reorderings (`permutation`), or all invertible
 * linear maps (`general-linear`: query/key and value/output spaces of attention).
 */
export type AxisGroup = "fixed" | "permutation" | "general-linear";

/**
 * Scale part of a permutation axis: sign flips (odd activations), positive factors (ReLU-like activations), or phases (sine and
 * cosine): sign flips, and shifts of biases by multiples of pi / omega.
 */
export type AxisScale = "sign" | "positive" | "phase";

/** The function behind a phase axis: sin(omega x) or cos(omega x). */
export type Wave = "sine" | "cosine";

/** Something with a size that dimensions of tensors share, and the group that acts on it. */
export interface Axis {
  readonly size: number;
  readonly group: AxisGroup;
  /** Per-entry scalings besides the permutation; dimensions written `h^-1` transform by the inverse, `h^0` not at all. */
  readonly scale?: AxisScale;
  /** Of phases: the frequency of sin(omega x), where x is what the bias is added to. */
  readonly omega?: number;
  /** Of phases. @default "sine" */
  readonly wave?: Wave;
  /** The axis acts independently inside every index of this other axis (a wreath product). */
  readonly within?: string;
}

/**
 * Whether an axis is one factor for every index of the axis around it: GL(1) within another axis. A second scale part of that
 * axis is written so, as the gain of each norm of a residual stream has one: `gain: residual * g`, `next: residual * g^-1`.
 */
export const isFactor = ({ size, group, within }: Axis): boolean =>
  group === "general-linear" && size === 1 && within !== undefined;

/** The shape of a tensor and the axes of its dimensions. */
export interface TensorSpec {
  readonly shape: readonly number[];
  /** One expression per dimension. */
  readonly axes: readonly AxisExpression[];
  /** The phase axis whose windings add multiples of pi / omega to every entry along it: the bias of a sine layer. */
  readonly shift?: string;
}

/** A validated, frozen symmetry spec. */
export interface SymmetrySpec {
  readonly axes: Readonly<Record<string, Axis>>;
  readonly tensors: Readonly<Record<string, TensorSpec>>;
  /** What looks like a mistake but may be meant: printed by the command line, errors under `strict`. */
  readonly warnings: readonly SpecProblem[];
}

/** A spec without its warnings. */
export type AxesAndTensors = Pick<SymmetrySpec, "axes" | "tensors">;
