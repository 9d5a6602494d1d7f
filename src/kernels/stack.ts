// What kernels are written for: a stack of layers over atomic tensors, perhaps with invariant pooling behind it. Plain data.

import type { ExecutablePlan } from "../plan/plan-spec.ts";
import type { SharedCoefficients } from "../plan/sharing.ts";
import type { MergedSpec } from "../plan/merge-tensors.ts";
import type { LoweredSpec } from "../symmetry/lower.ts";
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

/** Derived tensors that are computed in front of what reads them, from the tensors that the layer before writes. */
export interface KernelProducts {
  readonly name: string;
  /** What the layer before writes, in its order. */
  readonly base: MergedSpec;
  /** The tensors of `base` and derived ones, not merged; `merged` is what is read. */
  readonly derived: LoweredSpec;
  readonly merged: MergedSpec;
  readonly channels: number;
  /** By derived tensor that has coefficients: the path of the parameter, or numbers that are never trained. */
  readonly coefficients: ReadonlyMap<number, string | Float32Array<ArrayBuffer>>;
}

/** What happens to a tensor that a layer wrote: an activation, or a factor 2 sigmoid of columns of another tensor. */
export type TensorActivation =
  | { readonly kind: "pointwise"; readonly name: PointwiseName }
  | { readonly kind: "gate"; readonly tensor: number; readonly column: number };

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
  /** By tensor, where they differ. */
  readonly activations?: readonly TensorActivation[];
  /** Derived tensors that it reads; the first layer of a stack has none. */
  readonly products?: KernelProducts;
}

/** A tensor that is pooled free of scales: divided by the norms of its rows, without signs, or both. */
export interface NormalizedTensor {
  readonly tensor: number;
  readonly positive: boolean;
  readonly sign: boolean;
}

/** What a stack ends in: invariants of a plan, and normalised tensors, each as one row a network. */
export interface KernelPool {
  /** One product without slots, whose features are pooled; null where there is no invariant. */
  readonly executable: ExecutablePlan | null;
  readonly aggregation: Aggregation;
  readonly products?: KernelProducts;
  /** Tensors of what is read, by their ids there. */
  readonly normalized?: readonly NormalizedTensor[];
}

/** Layers one after another: what one writes, the next one reads. */
export interface KernelStack {
  readonly layers: readonly KernelLayer[];
  /** What is pooled; without it the last layer's tensors are the result. */
  readonly pool?: KernelPool;
}
