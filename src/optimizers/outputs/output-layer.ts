// The last layer of a learned optimizer's network, for n networks with a theta each: hidden features of all entries to outputs.

import type { numpy as np } from "@jax-js/jax";
import type { ArrayRecord, HostRecord } from "../../engine/arrays.ts";
import type { ThetaShapes } from "../update-program.ts";

export interface OutputLayer {
  readonly thetaShapes: ThetaShapes;
  readonly initialTheta: (seed: number) => HostRecord;
  /** Theta's arrays [n, ...] to what `apply` reads, under names that begin with `out`. Consumes. */
  readonly prepare: (theta: ArrayRecord) => ArrayRecord;
  /** [n, entries, channels] to [n, entries]. Keeps what is prepared, consumes the features. */
  readonly apply: (prepared: ArrayRecord, hidden: np.Array) => np.Array;
}
