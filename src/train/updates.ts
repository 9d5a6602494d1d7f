// What happens to gradients: clipping and the optimizer's step as one compiled program, either over every array apart, or over
// all of them put together as one vector. Models on kernels have their numbers at hand, and one vector is a tenth of the
// programs that the engine starts.

import { jit, numpy as np } from "@jax-js/jax";
import { sizeOf } from "../core/shapes.ts";
import { disposeArrays, keepArrays } from "../engine/arrays.ts";
import { settle } from "../engine/settle.ts";
import type { Params } from "../models/model.ts";
import { clipByGlobalNorm, globalNorm } from "./optimizers/clip.ts";
import type { Optimizer } from "./optimizers/optimizers.ts";
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
  run(input: UpdateInput): Promise<Updated>;
  /** The optimizer's state as `run` takes it, from arrays by parameter. @consumes state @keeps params */
  packed(state: OptimizerState, params: Params): Promise<OptimizerState>;
  /** Arrays by parameter, as the optimizer's `init` makes them. @keeps all */
  unpacked(state: OptimizerState, params: Params): Promise<OptimizerState>;
  /** Gives the compiled program's memory back. */
  dispose(): void;
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

/** Where the vector of all parameters stands in records; a packed state holds it too, so that it is put together once. */
const all = "all";

/** Arrays one after another, in the order of the parameters. @consumes arrays @keeps params */
async function joined(arrays: Params, params: Params, prefix = ""): Promise<Vector> {
  await settle(Object.values(arrays));
  const sizes = Object.values(params).map(({ shape }) => sizeOf(shape));
  const vector = new Float32Array(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  for (const [i, path] of Object.keys(params).entries()) {
    vector.set(arrays[prefix + path].dataSync() as Vector, at);
    at += sizes[i];
  }
  return vector;
}

type Vector = Float32Array<ArrayBuffer>;

/** The opposite of `joined`. @consumes vector @keeps params */
async function parted(vector: np.Array, params: Params, prefix = ""): Promise<Params> {
  const numbers = (await vector.data()) as Vector;
  let at = 0;
  const entries = Object.entries(params).map(([path, { shape }]) => {
    const part = numbers.subarray(at, (at += sizeOf(shape)));
    return [prefix + path, np.array(part, { shape: [...shape] })];
  });
  return Object.fromEntries(entries) as Params;
}

/** Names of an optimizer's state before the path of a parameter, as in `first/layers.0`; counts have none. */
const slotsOf = (state: OptimizerState): string[] => [
  ...new Set(Object.keys(state).flatMap((name) => name.match(/^[^/]+\//)?.[0] ?? [])),
];

/** Euclidean norm, added up in double precision. */
function normOf(vector: Vector): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += vector[i] * vector[i];
  return Math.sqrt(sum);
}

/** The update over one vector of all parameters, for an optimizer that treats every entry alike. */
export function updateOfVector(optimizer: Optimizer, clipNorm = Infinity): Update {
  const update = jit((vector: np.Array, raw: np.Array, state: OptimizerState, scales: Scales) => {
    const params = { [all]: vector };
    const gradients = { [all]: raw.mul(scales.clip) };
    const [updates, next] = optimizer.update(gradients, state, params);
    return { vector: applyUpdates(params, updates, scales.rate)[all], state: next };
  });
  return {
    async run({ params, gradients, state: { [all]: before, ...state }, rate }) {
      const gradient = await joined(gradients, params);
      const norm = normOf(gradient);
      const clip = np.array(clipNorm === Infinity ? 1 : clipNorm / Math.max(norm, clipNorm));
      const { vector, state: next } = update(before, np.array(gradient), state, { rate, clip });
      const moved = await parted(vector.ref, params);
      disposeArrays(params);
      return { params: moved, state: { ...next, [all]: vector }, norm: np.array(norm) };
    },
    async packed(state, params) {
      const vector = np.array(await joined(keepArrays(params), params));
      return {
        ...(await slotBySlot(state, async (slot) => {
          const parts = Object.keys(params).map((path) => [slot + path, state[slot + path]]);
          const vector = await joined(Object.fromEntries(parts) as Params, params, slot);
          return { [slot + all]: np.array(vector) };
        })),
        [all]: vector,
      };
    },
    async unpacked({ [all]: _, ...state }, params) {
      const kept = keepArrays(state);
      return slotBySlot(kept, (slot) => parted(kept[slot + all], params, slot));
    },
    dispose: () => update.dispose(),
  };
}

/** A state with every slot's arrays replaced, and counts as they are. */
async function slotBySlot(
  state: OptimizerState,
  change: (slot: string) => Promise<OptimizerState>,
): Promise<OptimizerState> {
  const counts = Object.entries(state).filter(([name]) => !name.includes("/"));
  const slots = await Promise.all(slotsOf(state).map(change));
  return Object.assign(Object.fromEntries(counts), ...slots) as OptimizerState;
}

/** What the program of a vector is given besides it, each []. */
type Scales = { rate: np.Array; clip: np.Array };
