// What a comparison of two checkpoints says, and what it is asked.

import type { AdapterComparison } from "../adapters/compare-adapters.ts";
import type { Alignment } from "../align/align.ts";
import type { GroupElement } from "../symmetry/element.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { AxisSummary } from "../parts/summary.ts";
import type { TensorDifference } from "../parts/tensor-difference.ts";
import type { LayerOrder } from "./conversions/conversion.ts";
import type { StructureDifference } from "./compare-structure.ts";
import type { LayoutDifference } from "./find-layouts.ts";
import type { TensorReordering } from "./reordered-tensors.ts";

/** What a comparison says: equal numbers, equal up to a symmetry, up to a reordering, or different. */
export type Verdict = "identical" | "symmetric" | "reordered" | "different";

/** Whether two checkpoints hold the same network, with the evidence. */
export interface Comparison {
  readonly verdict: Verdict;
  /** Missing, extra and reshaped tensors, and changed number formats. */
  readonly structure: StructureDifference;
  /** Some numbers are equal only once they are rounded to the coarser of both number formats. */
  readonly rounded: boolean;
  /** Tensors of both files whose numbers differ, in the coarser of both formats. */
  readonly tensors: readonly TensorDifference[];
  /** For `symmetric`: what takes the second file to the first. */
  readonly symmetry?: {
    readonly exact: boolean;
    /** Largest difference left, in units of a tensor's root mean square. */
    readonly residual: number;
    readonly element: GroupElement;
    readonly axes: readonly AxisSummary[];
    /** Axes whose scales or bases the weights do not pin down. */
    readonly unidentifiable: Alignment["unidentifiable"];
  };
  /** For two low-rank adapters, which are compared by what they add to their base: no other evidence is there. */
  readonly adapters?: AdapterComparison;
  /** Indices that look alike could not all be tried: there may be a symmetry that was not found. */
  readonly unresolved?: boolean;
  /** Tensors that are equal up to a reordering; all that differ when the verdict is `reordered`. */
  readonly reordered: readonly TensorReordering[];
  /** For `reordered`, with a spec: the layouts by which the files differ, and what is left once they are undone. */
  readonly layouts?: LayoutDifference;
  /** Layers that stand in another order under other names; of equal numbers they make the verdict `reordered`. */
  readonly layerOrders?: readonly LayerOrder[];
  /** For `different`, with a spec: how far the files are apart after the best alignment found. */
  readonly alignment?: {
    readonly similarity: number;
    /** What takes the second file nearest to the first. */
    readonly element: GroupElement;
    readonly axes: readonly AxisSummary[];
    readonly remaining: readonly { readonly tensor: string; readonly relative: number }[];
    readonly unidentifiable: Alignment["unidentifiable"];
  };
}

/** What `compareCheckpoints` counts as equal, and how far it looks. */
export interface CompareOptions {
  /** The symmetries of both networks; without it only `identical`, `reordered` and `different` can be told. */
  readonly spec?: SymmetrySpec;
  /** Align files that are different, to say how much remains. @default true */
  readonly align?: boolean;
  readonly signal?: AbortSignal;
  /** Tells which step is going on, and how far it is in [0, 1] where that is known. */
  readonly onStep?: (step: string, share?: number) => void;
}
