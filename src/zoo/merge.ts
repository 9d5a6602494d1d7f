// Joins parts of a zoo that were built in several places into one: the same bytes as a build in one place.

import { canonicalJson } from "../core/canonical-json.ts";
import { FormatError, OptionError } from "../core/errors.ts";
import { keepTable } from "./keep-table.ts";
import { manifestName, manifestToBytes, readManifest, type ZooManifest } from "./manifest.ts";
import { checkpointsOf } from "./recipe.ts";
import { inspectShard, planShards, type ShardInfo, type ShardPlan } from "./shard.ts";
import { keepShardList } from "./shard-list.ts";
import type { ZooStore } from "../core/store.ts";

/** What a merge of zoos came to. */
export interface MergedZoo {
  readonly manifest: ZooManifest;
  /** Training runs the merged zoo holds. */
  readonly present: number;
  /** Shards that no part holds whole; building the merged zoo trains them. */
  readonly missing: readonly ShardPlan[];
  /** One error for every damaged shard of a part, whether another part made up for it or not. */
  readonly problems: readonly FormatError[];
}

/**
 * Copies the intact shards of all parts into a store, which may hold some of them already or be one of the parts.
 * @throws {FormatError} when a part has no manifest; {OptionError} when two are not parts of the same zoo.
 */
export async function mergeZoos(parts: readonly ZooStore[], out: ZooStore): Promise<MergedZoo> {
  if (parts.length === 0)
    throw new OptionError("mergeZoos: expected at least one part to merge, got none");
  const unlock = await out.lock();
  try {
    const old = await readManifest(out);
    const sources = [...(old === undefined ? [] : [out]), ...parts];
    const manifest = await commonManifest(sources);
    if (old === undefined) await out.write(manifestName, manifestToBytes(manifest));
    const complete: ShardInfo[] = [];
    const missing: ShardPlan[] = [];
    const problems: FormatError[] = [];
    for (const plan of planShards(manifest.networks, manifest.shardSize)) {
      const found = await findShard(sources, manifest, plan, problems);
      if (found === undefined) missing.push(plan);
      else {
        if (found.store !== out) await copy(found.store, out, plan);
        complete.push(found.info);
      }
    }
    await keepTable(out, complete, manifest);
    await keepShardList(out, complete, manifest);
    const present = complete.reduce((sum, { plan }) => sum + plan.count, 0);
    return { manifest, present, missing, problems };
  } finally {
    await unlock();
  }
}

async function copy(from: ZooStore, to: ZooStore, { name }: ShardPlan): Promise<void> {
  const bytes = await from.read(name);
  if (bytes === undefined)
    throw new FormatError(
      `mergeZoos: ${name} in ${from.location} vanished while it was copied; merge again`,
    );
  await to.write(name, bytes);
}

/** The first store that holds a shard whole; damaged ones on the way are told of. */
async function findShard(
  stores: readonly ZooStore[],
  manifest: ZooManifest,
  plan: ShardPlan,
  problems: FormatError[],
): Promise<{ store: ZooStore; info: ShardInfo } | undefined> {
  for (const store of stores) {
    try {
      const info = await inspectShard(store, manifest, plan);
      if (info?.rows.length === plan.count * checkpointsOf(manifest.recipe)) return { store, info };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      problems.push(error);
    }
  }
  return undefined;
}

/** The manifest that all stores agree on. */
async function commonManifest(stores: readonly ZooStore[]): Promise<ZooManifest> {
  const manifests = await Promise.all(
    stores.map(async (store) => {
      const manifest = await readManifest(store);
      if (manifest === undefined)
        throw new FormatError(
          `mergeZoos: there is no ${manifestName} in ${store.location}; give folders that \`zoo build\` wrote`,
        );
      return manifest;
    }),
  );
  const [first] = manifests;
  for (const [at, manifest] of manifests.entries()) {
    for (const key of [
      "seed",
      "recipe",
      "networks",
      "shardSize",
      "metrics",
      "arithmetic",
      "backend",
      "data",
      "start",
    ] as const) {
      if (canonicalJson(manifest[key]) === canonicalJson(first[key])) continue;
      throw new OptionError(
        `mergeZoos: ${stores[at].location} has ${key} ${JSON.stringify(manifest[key]) ?? "none"}, ${stores[0].location} has ${JSON.stringify(first[key]) ?? "none"}; merge parts of one zoo only`,
      );
    }
  }
  return first;
}
