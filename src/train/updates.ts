// What happens to gradients: clipping and the optimizer's step, either as one compiled program over every array, or, for Adam on
// models that run on kernels, as a kernel over all parameters at once.

import { jit, numpy as np } from "@jax-js/jax";
import { sizeOf } from "../core/shapes.ts";
import { disposeArrays, keepArrays } from "../engine/arrays.ts";
import { settle } from "../engine/settle.ts";
import { type AdamKernel, adamKernel } from "../kernels/optimizers/adam-kernel.ts";
import type { Params } from "../models/model.ts";
import { clipByGlobalNorm, globalNorm } from "./optimizers/clip.ts";
import type { AdamNumbers, Optimizer } from "./optimizers/optimizers.ts";
import { applyUpdates, type OptimizerState } from "./optimizers/update-rules.ts";

/** What a step hands over, and what comes back. */
export interface UpdateInput {
  readonly params: Params;
  readonly gradients: Params;
  /** As `packed` gives it. */
  readonly state: OptimizerState;
  /** Learning rate, []. */
  readonly rate: np.Array;
}

export interface Updated {
  readonly params: Params;
  readonly state: OptimizerState;
  /** Norm of the gradients before clipping, []. */
  readonly norm: np.Array;
}

/** Clipping and update of a training step. */
export interface Update {
  /** @consumes every array */
  readonly run: (input: UpdateInput) => Promise<Updated>;
  /** The optimizer's state as `run` takes it, from arrays by parameter. @consumes state @keeps params */
  readonly packed: (state: OptimizerState, params: Params) => Promise<OptimizerState>;
  /** Arrays by parameter, as the optimizer's `init` makes them. @keeps all */
  readonly unpacked: (state: OptimizerState, params: Params) => Promise<OptimizerState>;
  /** Gives the compiled program's memory back. */
  readonly dispose: () => void;
}

/** The update over every array apart; without `clipNorm` gradients are left as they are. */
export function updateOfArrays(optimizer: Optimizer, clipNorm?: number): Update {
  const update = jit((params: Params, raw: Params, state: OptimizerState, rate: np.Array) => {
    const { gradients, norm } =
      clipNorm === undefined
        ? { gradients: raw, norm: globalNorm(raw) }
        : clipByGlobalNorm(raw, clipNorm);
    const [updates, next] = optimizer.update(gradients, state, params);
    return { params: applyUpdates(params, updates, rate), state: next, norm };
  });
  return {
    run: async ({ params, gradients, state, rate }) => update(params, gradients, state, rate),
    packed: async (state) => state,
    unpacked: async (state) => keepArrays(state),
    dispose: () => update.dispose(),
  };
}

type Numbers = Float32Array<ArrayBuffer>;

/** Every parameter with its part of an array of all of them. @keeps params */
function* partsOf(params: Params, all: Numbers): Generator<[path: string, part: Numbers]> {
  let at = 0;
  for (const [path, { shape }] of Object.entries(params))
    yield [path, all.subarray(at, (at += sizeOf(shape)))];
}

/** Copies arrays into an array of all of them. @consumes arrays @keeps params */
async function writeAll(all: Numbers, arrays: Params, params: Params, prefix = ""): Promise<void> {
  await settle(Object.values(arrays));
  for (const [path, part] of partsOf(params, all))
    part.set(arrays[prefix + path].dataSync() as Numbers);
}

/** Copies of the parts of an array as arrays by name. @keeps params */
function readAll(all: Numbers, params: Params, prefix = ""): Params {
  const entries = [...partsOf(params, all)].map(([path, part]) => [
    prefix + path,
    np.array(part, { shape: [...params[path].shape] }),
  ]);
  return Object.fromEntries(entries) as Params;
}

/** Entries of a state that begin with a name. */
const slotOf = (state: OptimizerState, slot: string): OptimizerState =>
  Object.fromEntries(Object.entries(state).filter(([name]) => name.startsWith(slot)));

/** Adam on a kernel: parameters and averages lie in its memory from `packed` on, and the state that goes around is empty. */
export function updateByAdam(
  { rate: factor, beta1, beta2, epsilon, weightDecay, decoupled }: Required<AdamNumbers>,
  clipNorm = Infinity,
): Update {
  let kernel: AdamKernel | undefined;
  /** Averages of ones, what averages of gradients are divided by. */
  const seen = { seen1: 0, seen2: 0 };
  const opened = (): AdamKernel => {
    if (kernel === undefined) throw new Error("updateByAdam: the state was not packed");
    return kernel;
  };
  return {
    async run({ params, gradients, rate }) {
      const adam = opened();
      await writeAll(adam.gradients, gradients, params);
      const norm = adam.norm();
      // In single precision, as a checkpoint keeps them: a run that goes on is the same to the last bit.
      seen.seen1 = Math.fround(beta1 * seen.seen1 + (1 - beta1));
      seen.seen2 = Math.fround(beta2 * seen.seen2 + (1 - beta2));
      adam.step({
        rate: factor * (rate.dataSync() as Numbers)[0],
        clip: norm > clipNorm ? clipNorm / norm : 1,
        beta1,
        beta2,
        epsilon,
        correction1: seen.seen1,
        correction2: seen.seen2,
        coupled: decoupled ? 0 : weightDecay,
        decoupled: decoupled ? weightDecay : 0,
      });
      const moved = readAll(adam.params, params);
      disposeArrays(params);
      return { params: moved, state: {}, norm: np.array(norm) };
    },
    async packed(state, params) {
      const size = Object.values(params).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
      kernel = adamKernel(size);
      await writeAll(kernel.params, keepArrays(params), params);
      await writeAll(kernel.first, slotOf(state, "first/"), params, "first/");
      await writeAll(kernel.second, slotOf(state, "second/"), params, "second/");
      for (const name of ["seen1", "seen2"] as const)
        seen[name] = (state[name].dataSync() as Numbers)[0];
      return {};
    },
    async unpacked(_, params) {
      const { first, second } = opened();
      return {
        seen1: np.array(seen.seen1),
        seen2: np.array(seen.seen2),
        ...readAll(first, params, "first/"),
        ...readAll(second, params, "second/"),
      };
    },
    dispose: () => (kernel = undefined),
  };
}
