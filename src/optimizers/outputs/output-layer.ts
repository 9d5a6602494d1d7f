// The last layer of a learned optimizer's network, for n networks with a theta each: hidden features of all entries to outputs.

import type { numpy as np } from "@jax-js/jax";
import type { KernelLayer } from "../../kernels/stack.ts";
import type { ArrayRecord, HostRecord } from "../../engine/arrays.ts";
import type { ExecutablePlan } from "../../plan/plan-spec.ts";
import type { ThetaShapes } from "../update-program.ts";

export interface OutputLayer {
  readonly thetaShapes: ThetaShapes;
  readonly initialTheta: (seed: number) => HostRecord;
  /** Theta's arrays [n, ...] to what `apply` reads, under names that begin with `out`. Consumes. */
  readonly prepare: (theta: ArrayRecord) => ArrayRecord;
  /** [n, entries, channels] to [n, entries]. Keeps what is prepared, consumes the features. */
  readonly apply: (prepared: ArrayRecord, hidden: np.Array) => np.Array;
  readonly kernels: KernelOutput;
}

/** The same layer on kernels: its products run there, and what is before and behind them on the engine. */
export interface KernelOutput {
  readonly layer: Pick<KernelLayer, "kind" | "bias">;
  /** The plan whose tensors it reads and writes; a layer of every entry by itself has none, and no ways into it and out of it. */
  readonly tensors?: {
    readonly executable: ExecutablePlan;
    /** [n, entries, inputs] as the plan's tensors, [n, ...dims, fixed * inputs] each. Consumes. */
    readonly enter: (features: np.Array) => np.Array[];
    /** The plan's tensors with one channel as [n, entries]. Keeps what is prepared, consumes the tensors. */
    readonly leave: (prepared: ArrayRecord, tensors: readonly np.Array[]) => np.Array;
  };
}
