// Builds a zoo shard by shard. Finished shards are never trained again, so a build that was stopped or killed goes on
// where it was, and ends with the same bytes as one that ran through.

import { EnvironmentError, FormatError, OptionError } from "../core/errors.ts";
import { pluginHint } from "../core/plugins.ts";
import { taskEntry } from "../tasks/registry.ts";
import { agreeManifest, checkCount } from "./agree-manifest.ts";
import { maxNetworks } from "./limits.ts";
import { keepTable } from "./keep-table.ts";
import { keepStart } from "./keep-start.ts";
import {
  backendOf,
  isSameZoo,
  manifestName,
  manifestToBytes,
  readManifest,
  type ZooManifest,
} from "./manifest.ts";
import { keepShardPart, rowsFromPart, type ShardRows } from "./shard-parts.ts";
import { checkpointsOf, type Recipe } from "./recipe.ts";
import {
  inspectShard,
  planShards,
  presentShards,
  type ShardInfo,
  type ShardPlan,
} from "./shard.ts";
import type { ZooStore } from "../core/store.ts";
import { keepShard, wholeShard } from "./keep-shard.ts";
import { keepShardList } from "./shard-list.ts";
import { runUnits } from "../work/run-units.ts";
import { type HandOut, isInPart, type ListPart, type Runner } from "../work/work-list.ts";
import { type ShardUnit, zooList } from "./units.ts";
import type { Weights } from "../core/tensors.ts";
import type { PopulationBackend } from "../kernels/backend.ts";
import { finishedWork, type ShardTrainer, taskOf, trainInPlace } from "./training/train-shard.ts";

/** What {@link buildZoo} builds, and where. */
export interface BuildOptions {
  readonly recipe: Recipe;
  readonly networks: number;
  readonly seed: number;
  readonly store: ZooStore;
  /**
   * Where one small file is kept for every finished shard: metrics and the shard's checksum, no weights, 200 kB at most. A
   * shard that is trained again is compared with its file.
   */
  readonly parts?: ZooStore | undefined;
  /**
   * Trains no shard that has a part: its metrics go into the table, its weights stay missing until a build without this option
   * trains it. @default false
   */
  readonly skipParts?: boolean;
  readonly signal?: AbortSignal;
  /** Makes what trains so many shards. @default one after another, in the calling thread */
  readonly trainer?: (shards: number) => ShardTrainer;
  /**
   * Hands shards out to builders elsewhere, who keep them in the store. The store is not locked then, and shards that could not be
   * trained after several attempts are told of at the end, when all others are there.
   */
  readonly handOut?: HandOut;
  /** Runs a shard and a program. @default 128, or what the zoo has already */
  readonly shardSize?: number;
  /** Builds one part of `of` only, every `of`-th shard from number `part` on (from 1); `mergeZoos` joins the parts. */
  readonly part?: ListPart;
  /**
   * Bytes of the task's data file, or the data that its task asks to be given (`packImages`); required where the task has either.
   * The digest of given data is kept in the zoo, and other data are refused.
   */
  readonly data?: Uint8Array;
  /**
   * What trains the networks, whose last digits depend on it. A zoo that is there goes on with what it was begun with, and refuses
   * another one. @default what the zoo was begun with; for a new one the kernel that its task has, the array engine where it has none
   */
  readonly backend?: PopulationBackend | undefined;
}

/** What a build of a zoo tells while it goes. */
export type BuildEvent =
  /** What is there and what is to do. */
  | { readonly type: "start"; readonly networks: number; readonly done: number }
  /** A damaged shard that will be trained anew, or what is wrong with the part of one. */
  | { readonly type: "warning"; readonly message: string }
  /** How far the start is that all networks have in common, of recipes that learn one. */
  | { readonly type: "learning"; readonly round: number; readonly rounds: number }
  /** Networks done, those of earlier builds and parts of running ones included; `rate` in networks a second of this build. */
  | {
      readonly type: "progress";
      readonly done: number;
      readonly total: number;
      readonly rate: number;
      readonly seconds: number;
    }
  /** A shard is safe in the store. */
  | { readonly type: "shard"; readonly name: string; readonly from: number; readonly count: number }
  | {
      readonly type: "done";
      readonly networks: number;
      /** Networks trained by this build. */
      readonly built: number;
      /** Networks of which only metrics are there, from parts. */
      readonly skipped: number;
      readonly seconds: number;
    };

/**
 * Trains the networks a zoo still lacks, telling how far it is; `buildZoo` of `weightspace/node` does it in threads. An unfinished or smaller zoo of the same recipe and
 * seed is completed. The files are the same whatever the number of workers and however often the build was interrupted.
 * @throws {OptionError} when the store holds another zoo; {EnvironmentError} when it fails, another builder is at work or a
 * worker dies (finished shards stay); the signal's reason after an abort.
 */
export async function* buildZoo(options: BuildOptions): AsyncGenerator<BuildEvent, void> {
  const { store, signal, networks } = options;
  signal?.throwIfAborted();
  checkCount("networks", networks, 1, maxNetworks);
  checkCount("shardSize", options.shardSize, 1);
  const { part, of } = options.part ?? { part: 1, of: 1 };
  checkCount("part.of", of, 1);
  checkCount("part.part", part, 1, of);
  const unlock = options.handOut === undefined ? await store.lock() : async () => undefined;
  try {
    const learnt = yield* learnFirst(options, await agreeManifest(options));
    const { manifest } = learnt;
    const work: Work = { finished: [], pending: [], skipped: [] };
    yield* findWork(options, manifest, work);
    yield* trainPending(options, learnt, work);
  } finally {
    await unlock();
  }
}

/** What is agreed before shards are trained. */
interface Learnt {
  readonly manifest: ZooManifest;
  /** The start that all networks have in common, of recipes that learn one. */
  readonly start?: Weights;
}

/** Learns the start of the networks where the recipe says so; the manifest names it then. */
async function* learnFirst(
  options: BuildOptions,
  manifest: ZooManifest,
): AsyncGenerator<BuildEvent, Learnt, undefined> {
  const { store, signal } = options;
  const { recipe } = manifest;
  if (recipe.start !== "meta") return { manifest };
  const task = () => taskOf(recipe.task, dataOf(options, manifest));
  for await (const { round, rounds, done } of keepStart({ store, manifest, task, signal })) {
    if (done === undefined) {
      if (round < rounds) yield { type: "learning", round, rounds };
      continue;
    }
    const named = { ...manifest, start: done.digest };
    if (manifest.start === undefined) await store.write(manifestName, manifestToBytes(named));
    return { manifest: named, start: done.weights };
  }
  return { manifest };
}

/** The shards of a build: those that are there, those to train, and those of which only the metrics are known. */
interface Work {
  readonly finished: ShardInfo[];
  readonly pending: ShardPlan[];
  readonly skipped: ShardRows[];
}

/** Sorts the shards of a zoo, telling of those that are damaged. */
async function* findWork(
  { store, networks, parts, skipParts = false, part }: BuildOptions,
  manifest: ZooManifest,
  { finished, pending, skipped }: Work,
): AsyncGenerator<BuildEvent, void> {
  if (skipParts && parts === undefined)
    throw new OptionError("buildZoo: skipParts needs parts, the store of the files of shards");
  const checkpoints = checkpointsOf(manifest.recipe);
  const present = new Set((await presentShards(store, manifest)).map(({ name }) => name));
  for (const [at, plan] of planShards(networks, manifest.shardSize).entries()) {
    try {
      const info = present.has(plan.name) ? await inspectShard(store, manifest, plan) : undefined;
      if (info?.rows.length === plan.count * checkpoints) {
        finished.push(info);
        continue;
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      yield { type: "warning", message: error.message };
    }
    if (!isInPart(at, part)) continue;
    const known =
      skipParts && parts !== undefined ? await rowsFromPart(parts, manifest, plan) : undefined;
    if (typeof known === "string") yield { type: "warning", message: known };
    if (typeof known === "object") skipped.push(known);
    else pending.push(plan);
  }
}

async function* trainPending(
  options: BuildOptions,
  learnt: Learnt,
  { finished, pending, skipped }: Work,
): AsyncGenerator<BuildEvent, void> {
  const { store } = options;
  const { manifest } = learnt;
  const checkpoints = checkpointsOf(manifest.recipe);
  const countRuns = (shards: readonly ShardRows[]) =>
    shards.reduce((sum, { rows }) => sum + rows.length / checkpoints, 0);
  const before = countRuns([...finished, ...skipped]);
  const networks = before + pending.reduce((sum, { count }) => sum + count, 0);
  yield { type: "start", networks, done: before };
  for (const info of finished) yield* keepPart(options, manifest, info);
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const progress = new Int32Array(newSharedBuffer(4 * pending.length));
  const countBuilt = () =>
    pending.reduce((sum, { count }, i) => sum + (count * progress[i]) / finishedWork, 0);
  const report = (): BuildEvent => {
    const [built, elapsed] = [countBuilt(), seconds()];
    const rate = elapsed > 0 ? built / elapsed : 0;
    const done = Math.floor(before + built);
    return { type: "progress", done, total: networks, rate, seconds: elapsed };
  };
  const failures: string[] = [];
  const slots = new Map(pending.map(({ name }, slot) => [name, slot]));
  const { units, runner } = await shardRunner(options, learnt, slots, progress);
  for await (const news of runUnits(units, runner, options.signal)) {
    if (news.kind === "failed" && (options.handOut === undefined || options.signal?.aborted))
      throw failure(news.request, news.error, options.signal);
    if (news.kind === "failed") failures.push(`${news.request.name} (${messageOf(news.error)})`);
    if (news.kind === "event") yield { type: "warning", message: news.event };
    if (news.kind === "done") {
      const { name, from, count } = news.request;
      const info = await wholeShard(store, manifest, { name, from, count });
      if (info === undefined) {
        failures.push(`${name} (it was said to be done, and is not whole in the store)`);
        continue;
      }
      finished.push(info);
      yield* keepPart(options, manifest, info);
      Atomics.store(progress, slots.get(name) ?? 0, finishedWork);
      yield { type: "shard", name, from, count };
    }
    yield report();
  }
  options.signal?.throwIfAborted();
  yield* keepLists(store, manifest, finished, skipped);
  if (failures.length > 0) throw unfinished(store, failures);
  const built = Math.round(countBuilt());
  yield { type: "done", networks, built, skipped: countRuns(skipped), seconds: seconds() };
}

/**
 * Writes the table and the list of shards. Another builder, where nobody holds a lock, may have made the zoo larger meanwhile, whose
 * lists these are then; or may have said last that it is smaller.
 */
async function* keepLists(
  store: ZooStore,
  manifest: ZooManifest,
  finished: readonly ShardInfo[],
  skipped: readonly ShardRows[],
): AsyncGenerator<BuildEvent, void> {
  const there = await readManifest(store);
  if (there === undefined || !isSameZoo(manifest, there))
    throw new EnvironmentError(
      `buildZoo: ${manifestName} in ${store.location} is gone, or says another zoo than when this build began; somebody else has begun anew there, build in another place`,
    );
  if (there.networks > manifest.networks) {
    const message = `${store.location} has grown to ${there.networks} networks meanwhile; the build of these writes the table`;
    return yield { type: "warning", message };
  }
  if (there.networks < manifest.networks)
    await store.write(manifestName, manifestToBytes(manifest));
  await keepTable(store, [...finished, ...skipped], manifest);
  await keepShardList(store, finished, manifest);
}

/** Keeps the part of a shard, and tells what is wrong with it. */
async function* keepPart(
  { parts }: BuildOptions,
  manifest: ZooManifest,
  info: ShardInfo,
): AsyncGenerator<BuildEvent> {
  const message = parts === undefined ? undefined : await keepShardPart(parts, manifest, info);
  if (message !== undefined) yield { type: "warning", message };
}

/** The units to do, and what does them: builders elsewhere, or trainers of this process, whose shards are kept as they come. */
async function shardRunner(
  options: BuildOptions,
  { manifest, start }: Learnt,
  slots: ReadonlyMap<string, number>,
  progress: Int32Array,
): Promise<{ units: ShardUnit[]; runner: Runner<ShardUnit, unknown, string> }> {
  const { store } = options;
  if (slots.size === 0) return { units: [], runner: noRunner };
  const list = await zooList(manifest, store.location);
  const units = list.units.filter(({ name }) => slots.has(name));
  if (options.handOut !== undefined) {
    const isDone = async ({ name, from, count }: ShardUnit) =>
      (await wholeShard(store, manifest, { name, from, count })) !== undefined;
    return { units, runner: await options.handOut(list, isDone) };
  }
  const { recipe, seed } = manifest;
  const data = dataOf(options, manifest);
  const trainer = (options.trainer ?? trainInPlace)(slots.size);
  const runner: Runner<ShardUnit, unknown, string> = {
    width: trainer.width,
    run: async ({ name, from, count }, stop) => {
      const slot = slots.get(name) ?? 0;
      const backend = backendOf(manifest);
      const request = { recipe, seed, from, count, data, start, backend, progress, slot };
      const bytes = await trainer.run(request, stop, () => undefined);
      return keepShard(store, manifest, { name, from, count }, bytes);
    },
    close: () => trainer.close(),
  };
  return { units, runner };
}

/** The data of a task. @throws {OptionError} when it reads some that were not given */
function dataOf({ data }: BuildOptions, { recipe, plugins }: ZooManifest): Uint8Array {
  const { dataFile } = taskEntry(recipe.task, pluginHint(plugins));
  if (dataFile !== undefined && data === undefined)
    throw new OptionError(
      `buildZoo: the task "${recipe.task}" reads data/${dataFile} of the package; give its bytes as \`data\`, or import buildZoo from "weightspace/node"`,
    );
  return data ?? new Uint8Array(0);
}

const noRunner: Runner<ShardUnit, unknown, string> = {
  width: 0,
  run: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

/** A shared buffer where there are threads to share it with. */
const newSharedBuffer = (bytes: number): SharedArrayBuffer | ArrayBuffer =>
  typeof SharedArrayBuffer === "undefined" ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes);

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** Shards that a failure names. */
const namedShards = 5;

/** The error of a build some of whose shards have been given up. */
function unfinished({ location }: ZooStore, failures: readonly string[]): EnvironmentError {
  const more = failures.length > namedShards ? `; and ${failures.length - namedShards} more` : "";
  const shards = failures.length === 1 ? "1 shard" : `${failures.length} shards`;
  return new EnvironmentError(
    `buildZoo: ${shards} could not be trained: ${failures.slice(0, namedShards).join("; ")}${more}; all others are in ${location}, build again to try these once more`,
  );
}

/** The error of a build whose shard could not be trained. */
function failure(
  { from, count }: ShardPlan,
  error: unknown,
  signal: AbortSignal | undefined,
): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof EnvironmentError) return error; // of the store, which says what to do
  return new EnvironmentError(
    `buildZoo: training networks ${from} to ${from + count - 1} failed (${messageOf(error)}); finished shards are safe, build again to go on`,
    { cause: error },
  );
}
