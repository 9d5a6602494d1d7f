// The contract of learned optimizers: n networks of one spec updated in one program, each by a theta of its own. Meta-training runs
// many unrolls through it; an optimizer for one network is the case n = 1.

import type { ArrayRecord, HostRecord } from "../engine/arrays.ts";
import type { Params } from "../models/model.ts";
import type { StepKernel } from "./steps/step-kernel.ts";
import type { OptimizerState } from "../train/optimizers/update-rules.ts";

/** Shapes of theta's arrays by name, in the order of the vector that meta-training moves. */
export type ThetaShapes = Readonly<Record<string, readonly number[]>>;

/** Everything carries a leading axis n of networks. Outside `jit` it runs as several compiled pieces, which is faster than one. */
export interface UpdateProgram {
  readonly thetaShapes: ThetaShapes;
  /** Fresh theta, the same for the same seed. */
  readonly initialTheta: (seed: number) => HostRecord;
  /** The state before the first step of n networks: zeros in every array, so that a network restarts when its part is set to 0. */
  readonly initialState: (networks: number) => OptimizerState;
  /** What the arrays of theta [n, ...] stand for, worked out once for many steps. @consumes */
  readonly prepare: (theta: ArrayRecord) => ArrayRecord;
  /**
   * One step: updates, which are added to the parameters, and the next state. @keeps prepared, params @consumes gradients, state
   * @throws {ShapeError} naming a tensor that is missing, not in the spec, or of another shape
   */
  readonly update: (
    prepared: ArrayRecord,
    gradients: Params,
    state: OptimizerState,
    params: Params,
  ) => readonly [updates: Params, state: OptimizerState];
  /** The same step for one network on kernels, where the kind has them. */
  readonly stepKernel?: () => StepKernel;
}
