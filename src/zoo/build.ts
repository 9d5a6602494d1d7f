// Builds a zoo shard by shard. Finished shards are never trained again, so a build that was stopped or killed goes on
// where it was, and ends with the same bytes as one that ran through.

import { EnvironmentError, FormatError, OptionError } from "../core/errors.ts";
import { pluginHint } from "../core/plugins.ts";
import { taskEntry } from "../tasks/registry.ts";
import { agreeManifest, checkCount } from "./agree-manifest.ts";
import { maxNetworks } from "./limits.ts";
import { keepTable } from "./keep-table.ts";
import type { ZooManifest } from "./manifest.ts";
import { keepShardPart, rowsFromPart, type ShardRows } from "./parts.ts";
import { checkpointsOf, type Recipe } from "./recipe.ts";
import {
  inspectShard,
  planShards,
  presentShards,
  type ShardInfo,
  type ShardPlan,
} from "./shard.ts";
import type { ZooStore } from "../core/store.ts";
import { finishedWork, type ShardTrainer, trainInPlace } from "./training/train-shard.ts";

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
  /** Runs a shard and a program. @default 128, or what the zoo has already */
  readonly shardSize?: number;
  /** Builds one part of `of` only, every `of`-th shard from number `part` on (from 1); `mergeZoos` joins the parts. */
  readonly part?: { readonly part: number; readonly of: number };
  /** Bytes of the task's data file; required where the task has one. */
  readonly data?: Uint8Array;
}

export type BuildEvent =
  /** What is there and what is to do. */
  | { readonly type: "start"; readonly networks: number; readonly done: number }
  /** A damaged shard that will be trained anew, or what is wrong with the part of one. */
  | { readonly type: "warning"; readonly message: string }
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

const progressMilliseconds = 200;

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
  const isMine = (at: number) => at % of === part - 1;
  const unlock = await store.lock();
  try {
    const manifest = await agreeManifest(options);
    const work: Work = { finished: [], pending: [], skipped: [] };
    yield* findWork(options, manifest, work, isMine);
    yield* trainPending(options, manifest, work);
  } finally {
    await unlock();
  }
}

/** The shards of a build: those that are there, those to train, and those of which only the metrics are known. */
interface Work {
  readonly finished: ShardInfo[];
  readonly pending: ShardPlan[];
  readonly skipped: ShardRows[];
}

/** Sorts the shards of a zoo, telling of those that are damaged. */
async function* findWork(
  { store, networks, parts, skipParts = false }: BuildOptions,
  manifest: ZooManifest,
  { finished, pending, skipped }: Work,
  isMine: (at: number) => boolean,
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
    if (!isMine(at)) continue;
    const known =
      skipParts && parts !== undefined ? await rowsFromPart(parts, manifest, plan) : undefined;
    if (typeof known === "string") yield { type: "warning", message: known };
    if (typeof known === "object") skipped.push(known);
    else pending.push(plan);
  }
}

/** What happened while shards are being trained. */
type News =
  | { readonly kind: "trained"; readonly plan: ShardPlan; readonly bytes: Uint8Array }
  | { readonly kind: "failed"; readonly plan: ShardPlan; readonly error: unknown }
  | { readonly kind: "tick" };

async function* trainPending(
  options: BuildOptions,
  manifest: ZooManifest,
  { finished, pending, skipped }: Work,
): AsyncGenerator<BuildEvent, void> {
  const { store } = options;
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
  for await (const trained of trainShards(options, manifest, pending, progress)) {
    if (trained !== undefined) {
      const { plan, bytes } = trained;
      await store.write(plan.name, bytes);
      const info = await inspectShard(store, manifest, plan);
      if (info !== undefined) finished.push(info);
      if (info !== undefined) yield* keepPart(options, manifest, info);
      yield { type: "shard", name: plan.name, from: plan.from, count: plan.count };
    }
    yield report();
  }
  await keepTable(store, [...finished, ...skipped], manifest);
  const built = Math.round(countBuilt());
  yield { type: "done", networks, built, skipped: countRuns(skipped), seconds: seconds() };
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

/** The bytes of shards as they come, in any order, and undefined now and then in between. */
async function* trainShards(
  options: BuildOptions,
  { recipe, seed, plugins }: ZooManifest,
  pending: readonly ShardPlan[],
  progress: Int32Array,
): AsyncGenerator<{ plan: ShardPlan; bytes: Uint8Array } | undefined, void> {
  if (pending.length === 0) return;
  const { signal } = options;
  const { dataFile } = taskEntry(recipe.task, pluginHint(plugins));
  if (dataFile !== undefined && options.data === undefined)
    throw new OptionError(
      `buildZoo: the task "${recipe.task}" reads data/${dataFile} of the package; give its bytes as \`data\`, or import buildZoo from "weightspace/node"`,
    );
  const data = options.data ?? new Uint8Array(0);
  const stop = new AbortController();
  const onAbort = () => stop.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const trainer = (options.trainer ?? trainInPlace)(pending.length);
  const running = new Map<ShardPlan, Promise<News>>();
  let next = 0;
  const startNext = (): void => {
    const slot = next++;
    const plan = pending[slot];
    const { from, count } = plan;
    const request = { recipe, seed, from, count, data, progress, slot };
    const training = trainer.train(request, stop.signal).then(
      (bytes): News => ({ kind: "trained", plan, bytes }),
      (error: unknown): News => ({ kind: "failed", plan, error }),
    );
    running.set(plan, training);
  };
  try {
    while (running.size > 0 || next < pending.length) {
      signal?.throwIfAborted();
      while (running.size < trainer.width && next < pending.length) startNext();
      const news = await firstNews(running.values());
      if (news.kind === "failed") throw failure(news.plan, news.error, signal);
      if (news.kind === "trained") {
        running.delete(news.plan);
        if (next < pending.length) startNext();
        yield news;
      } else {
        yield undefined;
      }
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    stop.abort();
    await trainer.close();
  }
}

/** A shared buffer where there are threads to share it with. */
const newSharedBuffer = (bytes: number): SharedArrayBuffer | ArrayBuffer =>
  typeof SharedArrayBuffer === "undefined" ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes);

/** The first result, or a tick when none comes for a while. */
async function firstNews(running: Iterable<Promise<News>>): Promise<News> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tick = new Promise<News>((resolve) => {
    timer = setTimeout(() => resolve({ kind: "tick" }), progressMilliseconds);
  });
  try {
    return await Promise.race([...running, tick]);
  } finally {
    clearTimeout(timer);
  }
}

/** The error of a build whose shard could not be trained. */
function failure(
  { from, count }: ShardPlan,
  error: unknown,
  signal: AbortSignal | undefined,
): unknown {
  if (signal?.aborted) return signal.reason;
  const message = error instanceof Error ? error.message : String(error);
  return new EnvironmentError(
    `buildZoo: training networks ${from} to ${from + count - 1} failed (${message}); finished shards are safe, build again to go on`,
    { cause: error },
  );
}
