// Unrolls of several pairs in one program: networks [2 P], twins with the noise first, then those with its opposite. Twins begin with
// the same weights and see the same batches.

import { jit, numpy as np } from "@jax-js/jax";
import { deriveSeed, type RandomStream, randomStream } from "../../core/random.ts";
import {
  type ArrayRecord,
  arraysFromHost,
  arraysToHost,
  disposeArrays,
  type HostRecord,
  keepArrays,
  mapArrays,
} from "../../engine/arrays.ts";
import { settle } from "../../engine/settle.ts";
import type { Params } from "../../models/model.ts";
import type { InnerTask } from "../../tasks/inner/inner-task.ts";
import { applyUpdates, type OptimizerState } from "../../train/optimizers/update-rules.ts";
import { stackThetas } from "../host-theta.ts";
import { networkBatches } from "../network-batches.ts";
import type { UpdateProgram } from "../update-program.ts";
import { type EpisodeTime, noiseAt, type PairLosses } from "./estimator.ts";
import type { MetaSettings } from "./settings.ts";
import { freshParams, scaleOf } from "./twins.ts";

/** Losses above so many times those of knowing nothing count as that. */
export const lossLimit = 1.5;

/** One truncation of some pairs. */
export interface TruncationRequest {
  readonly theta: Float32Array;
  /** In the order of the group's pairs. */
  readonly times: readonly EpisodeTime[];
}

/** What one truncation of a pair of unrolls came to. */
export interface TruncationResult extends PairLosses {
  /** Whether a loss of one of the twins was NaN or infinite. */
  readonly diverged: boolean;
}

/** Pairs that unroll together; several groups may run side by side. */
export interface UnrollGroup {
  /** One result a pair. */
  readonly run: (request: TruncationRequest) => Promise<readonly TruncationResult[]>;
  /** Networks and optimizer states [2 P, ...] as they are now. */
  readonly save: () => Promise<HostRecord>;
  /** Goes on from there. */
  readonly load: (saved: HostRecord) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What a group of unrolls is made of. */
export interface UnrollOptions {
  readonly settings: MetaSettings;
  readonly task: InnerTask;
  readonly program: UpdateProgram;
  /** How many pairs. */
  readonly pairs: number;
}

const split = (record: ArrayRecord, part: string): ArrayRecord =>
  Object.fromEntries(
    Object.entries(record)
      .filter(([key]) => key.startsWith(`${part}/`))
      .map(([key, array]) => [key.slice(part.length + 1), array]),
  );

const under = (part: string, record: HostRecord): [string, HostRecord[string]][] =>
  Object.entries(record).map(([key, tensor]) => [`${part}/${key}`, tensor]);

/** [n] as [n, 1, ...] of an array's rank. */
const along = (x: np.Array, rank: number) =>
  np.reshape(x, [x.shape[0], ...Array.from({ length: rank - 1 }, () => 1)]);

const scaled = jit((record: ArrayRecord, factors: np.Array): ArrayRecord => {
  const result = mapArrays(record, (array) => np.multiply(array, along(factors.ref, array.ndim)));
  factors.dispose();
  return result;
});
const moved = jit((params: Params, updates: Params) => applyUpdates(params, updates));
const chosen = jit((mask: np.Array, fresh: ArrayRecord, old: ArrayRecord): ArrayRecord => {
  const result = mapArrays(old, (array, key) =>
    np.where(np.greater(along(mask.ref, array.ndim), 0), fresh[key], array),
  );
  mask.dispose();
  return result;
});

/** Networks and states of a group. */
interface Networks {
  params: Params | undefined;
  state: OptimizerState;
}

const twice = (values: readonly number[]) => np.array([...values, ...values]);

/** Puts fresh networks and states where an episode begins. */
function restart(
  { settings, task, program, pairs }: UnrollOptions,
  networks: Networks,
  times: readonly EpisodeTime[],
): void {
  const begins = times.map(({ began, step }) => (began === step ? 1 : 0));
  const { params, state } = networks;
  if (params !== undefined && !begins.includes(1)) return;
  const fresh = freshParams(settings, task, times);
  networks.params = params === undefined ? fresh : chosen(twice(begins), fresh, params);
  networks.state = chosen(twice(begins), program.initialState(2 * pairs), state);
}

/** Theta with the noise of every pair, then with its opposite. */
export const noisyThetas = (
  settings: MetaSettings,
  theta: Float32Array,
  times: readonly EpisodeTime[],
): Float32Array[] => {
  const noises = times.map((time) => noiseAt(settings, time, theta.length));
  return [1, -1].flatMap((sign) =>
    noises.map((noise) => {
      const values = new Float32Array(theta.length);
      for (let i = 0; i < values.length; i++) values[i] = theta[i] + sign * noise[i];
      return values;
    }),
  );
};

/** Unrolls in this thread. */
export function unrollGroup(options: UnrollOptions): UnrollGroup {
  const { settings, task, program, pairs } = options;
  const { truncation, rescale } = settings;
  const isRescaled = rescale[0] !== 1 || rescale[1] !== 1;
  const networks: Networks = { params: undefined, state: program.initialState(2 * pairs) };

  /** One inner step of all networks; their losses before it. */
  async function innerStep(prepared: ArrayRecord, streams: RandomStream[], factors: number[]) {
    const params = networks.params as Params;
    const weights = isRescaled ? scaled(keepArrays(params), twice(factors)) : params;
    const { losses, gradients } = task.lossAndGradients(weights, networkBatches(task, streams, 2));
    if (isRescaled) disposeArrays(weights);
    const inUnits = isRescaled ? scaled(gradients, twice(factors)) : gradients;
    const [updates, next] = program.update(prepared, inUnits, networks.state, params);
    networks.params = moved(params, updates);
    networks.state = next;
    await settle([...Object.values(networks.params), ...Object.values(next)]);
    return losses.data();
  }

  async function run({ theta, times }: TruncationRequest): Promise<TruncationResult[]> {
    restart(options, networks, times);
    const thetas = noisyThetas(settings, theta, times);
    const prepared = program.prepare(stackThetas(program.thetaShapes, thetas));
    const factors = isRescaled ? times.map((time) => scaleOf(settings, time)) : [];
    const streams = times.map(({ pair, step }) =>
      randomStream(deriveSeed(settings.seed, "batches", pair, step)),
    );
    const losses = thetas.map(() => new Float64Array(truncation));
    const diverged = times.map(() => false);
    const limit = lossLimit * task.chance;
    for (let at = 0; at < truncation; at++) {
      const found = await innerStep(prepared, streams, factors);
      for (const [network, loss] of [...found].entries()) {
        if (!Number.isFinite(loss)) diverged[network % pairs] = true;
        losses[network][at] = Number.isFinite(loss) ? Math.min(loss, limit) : limit;
      }
    }
    disposeArrays(prepared);
    return times.map((_, at) => ({
      plus: losses[at],
      minus: losses[pairs + at],
      diverged: diverged[at],
    }));
  }

  return { run, ...keeping(networks) };
}

/** Networks out of a group and into it. */
const keeping = (networks: Networks): Omit<UnrollGroup, "run"> => ({
  save: async () =>
    Object.fromEntries([
      ...under("params", await arraysToHost(networks.params ?? {})),
      ...under("state", await arraysToHost(networks.state)),
    ]),
  load: async (saved) => {
    disposeArrays(networks.params);
    disposeArrays(networks.state);
    const all = arraysFromHost(saved);
    networks.params = split(all, "params");
    networks.state = split(all, "state");
  },
  close: async () => {
    disposeArrays(networks.params);
    disposeArrays(networks.state);
    networks.params = undefined;
    networks.state = {};
  },
});
