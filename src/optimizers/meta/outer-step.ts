// The step of theta: AdamW with warm-up and cosine, gradients clipped as one vector.

import { jit, numpy as np } from "@jax-js/jax";
import type { Params } from "../../models/model.ts";
import {
  arraysFromHost,
  arraysToHost,
  disposeArrays,
  type HostRecord,
} from "../../engine/arrays.ts";
import { clipByGlobalNorm } from "../../train/optimizers/clip.ts";
import { adamW } from "../../train/optimizers/optimizers.ts";
import { warmupCosine } from "../../train/optimizers/schedules.ts";
import { applyUpdates, type OptimizerState } from "../../train/optimizers/update-rules.ts";
import type { MetaSettings } from "./settings.ts";

/** The rate at the end, as a part of the highest. */
const finalRate = 0.1;

export interface OuterOptimizer {
  /** Theta after outer step `step` (from 0), and the length of the gradient. */
  readonly step: (
    theta: Float32Array,
    gradient: Float64Array,
    step: number,
  ) => Promise<{ theta: Float32Array; norm: number }>;
  readonly save: () => Promise<HostRecord>;
  readonly close: () => void;
}

/** The outer optimizer of a run, from its state in a checkpoint or from the beginning. */
export function outerOptimizer(
  settings: MetaSettings,
  size: number,
  saved: HostRecord | undefined,
): OuterOptimizer {
  const { rate, warmup, weightDecay, clip, outerSteps } = settings;
  const rule = adamW({ weightDecay });
  const schedule = warmupCosine({ rate, warmup, final: finalRate });
  let state: OptimizerState;
  if (saved === undefined) {
    const zeros = { theta: np.zeros([size]) };
    state = rule.init(zeros);
    disposeArrays(zeros);
  } else state = arraysFromHost(saved);
  // Compiled, so that scalars of the state are float32 at every step, as they are in checkpoints.
  const move = jit((params: Params, raw: Params, before: OptimizerState, now: np.Array) => {
    const { gradients, norm } = clipByGlobalNorm(raw, clip);
    const [updates, next] = rule.update(gradients, before, params);
    return { params: applyUpdates(params, updates, now), state: next, norm };
  });
  return {
    async step(theta, gradient, step) {
      const params = { theta: np.array(Float32Array.from(theta)) };
      const raw = { theta: np.array(Float32Array.from(gradient)) };
      const now = np.array(Float32Array.of(schedule(step, outerSteps))).reshape([]);
      const moved = move(params, raw, state, now);
      state = moved.state;
      const [length] = await moved.norm.data();
      return { theta: Float32Array.from(await moved.params["theta"].data()), norm: length };
    },
    save: () => arraysToHost(state),
    close: () => disposeArrays(state),
  };
}
