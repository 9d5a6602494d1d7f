// One shard's worth of work, as a worker thread or the calling thread does it: train, and hand back the shard's bytes.

import { equalBytes } from "../../core/bytes.ts";
import { canonicalJson } from "../../core/canonical-json.ts";
import { OptionError } from "../../core/errors.ts";
import { measuresOf, taskEntry } from "../../tasks/registry.ts";
import type { Weights } from "../../core/tensors.ts";
import type { Task } from "../../tasks/task.ts";
import type { Recipe } from "../recipe.ts";
import type { Runner } from "../../work/work-list.ts";
import { encodeShard } from "../shard.ts";
import type { PopulationBackend } from "../../kernels/backend.ts";
import { hasKernel } from "./train-members.ts";
import { trainPopulation } from "./train-population.ts";

/** Plain data, so that it can travel to a worker. */
export interface ShardRequest {
  readonly recipe: Recipe;
  readonly seed: number;
  readonly from: number;
  readonly count: number;
  /** Bytes of the task's data file; none when it has no file. */
  readonly data: Uint8Array;
  /** Weights that all networks start from, of recipes that learn them. */
  readonly start?: Weights | undefined;
  /** What trains the networks, as the zoo's manifest says. @default "engine" */
  readonly backend?: PopulationBackend | undefined;
  /** Shared counters, one a shard, where `slot` is this one's: millionths of its work that are done. */
  readonly progress: Int32Array;
  readonly slot: number;
}

/** Trains shards somewhere; their bytes are the outcome. */
export type ShardTrainer = Runner<ShardRequest, Uint8Array>;

/** Millionths: what a finished shard's counter holds. */
export const finishedWork = 1_000_000;

let known: { name: string; data: Uint8Array; task: Promise<Task> } | undefined;

/** @throws {OptionError} when the task measures something else than its entry in the registry says. */
async function createTask(name: string, data: Uint8Array): Promise<Task> {
  const entry = taskEntry(name);
  const task = await entry.create(data);
  const declared = measuresOf(entry).metrics;
  const isThere = hasKernel(task);
  if (isThere !== (entry.hasKernel === true))
    throw new OptionError(
      `trainShard: the task "${name}" has ${isThere ? "a kernel (sines or kernelOf), but was registered without" : "no kernel (sines or kernelOf), but was registered with one"}; register it with "hasKernel": ${isThere}`,
    );
  if (canonicalJson(task.metrics) === canonicalJson(declared)) return task;
  throw new OptionError(
    `trainShard: the task "${name}" has metrics ${JSON.stringify(task.metrics)}, but was registered with ${JSON.stringify(declared)}; register it with its own`,
  );
}

/** The task of some data, kept from one shard to the next. */
export function taskOf(name: string, data: Uint8Array): Promise<Task> {
  if (known?.name !== name || !equalBytes(known.data, data)) {
    known = { name, data, task: createTask(name, data) };
  }
  return known.task;
}

/** The bytes of the shard of runs `from` to `from + count - 1`. */
export async function trainShard(request: ShardRequest, signal?: AbortSignal): Promise<Uint8Array> {
  const { recipe, seed, from, count, data, start, progress, slot } = request;
  const { backend = "engine" } = request;
  if (recipe.start === "meta" && start === undefined)
    throw new OptionError(
      `trainShard: networks of the recipe "${recipe.name}" start from learnt weights, which were not given`,
    );
  const task = await taskOf(recipe.task, data);
  const population = await trainPopulation({
    task,
    recipe,
    seed,
    backend,
    indices: Array.from({ length: count }, (_, i) => from + i),
    ...(start && { start: () => start }),
    onStep: (done) => void Atomics.store(progress, slot, Math.round(done * finishedWork)),
    ...(signal !== undefined && { signal }),
  });
  return encodeShard(population, { spec: task.spec, seed, metrics: task.metrics });
}

/** Trains shards one after another in the calling thread. */
export const trainInPlace = (): ShardTrainer => ({
  width: 1,
  run: trainShard,
  close: async () => undefined,
});
