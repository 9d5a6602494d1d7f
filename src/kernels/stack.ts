// What kernels are written for: a stack of layers over atomic tensors, perhaps with invariant pooling behind it. Plain data.

import type { ExecutablePlan } from "../plan/plan-spec.ts";
import type { SharedCoefficients } from "../plan/sharing.ts";
import type { PointwiseName } from "./pointwise.ts";
import type { Aggregation } from "./readings.ts";

/** A learned row for every index of one dimension of a tensor, added to the layer's output. */
export interface PositionTable {
  readonly tensor: number;
  readonly dim: number;
  readonly size: number;
  /** Parameters [size, channels] in the order of the tensor's fixed entries, and how many entries use each. */
  readonly tables: readonly { readonly path: string; readonly fixedSize: number }[];
}

export interface KernelLayer {
  /** All equivariant maps of the plan, or one dense map of every entry alone. */
  readonly kind: "equivariant" | "pointwise";
  /** Prefix of its parameters' paths: `<name>.mix0`, `<name>.shared`, `<name>.weight`, `<name>.bias`. */
  readonly name: string;
  readonly executable: ExecutablePlan;
  readonly inputChannels: number;
  readonly outputChannels: number;
  readonly aggregation: Aggregation;
  /** Every column of the scalar product, one row a tensor, or none; a pointwise layer has one row or none. */
  readonly bias: "full" | "tensor" | "none";
  readonly shared?: SharedCoefficients;
  readonly positions: readonly PositionTable[];
  readonly activation: PointwiseName;
}

/** Layers one after another: what one writes, the next one reads. */
export interface KernelStack {
  readonly layers: readonly KernelLayer[];
  /** One product without slots whose features are the pooled values; without it the last layer's tensors are the result. */
  readonly pool?: { readonly executable: ExecutablePlan; readonly aggregation: Aggregation };
}
