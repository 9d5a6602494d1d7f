// Puts a trained shard into a store that several builders may write to: the first one creates it, and all others find that theirs
// is the same.

import { EnvironmentError, FormatError } from "../core/errors.ts";
import type { ZooStore } from "../core/store.ts";
import { safetensorsHeader, safetensorsPrefixBytes } from "../formats/safetensors/safetensors.ts";
import type { ZooManifest } from "./manifest.ts";
import { checkpointsOf } from "./recipe.ts";
import { inspectShard, type ShardInfo, type ShardPlan } from "./shard.ts";

/** The shard in the store, if all its networks are there and it is sound. */
export async function wholeShard(
  store: ZooStore,
  manifest: ZooManifest,
  plan: ShardPlan,
): Promise<ShardInfo | undefined> {
  try {
    const info = await inspectShard(store, manifest, plan);
    return info?.rows.length === plan.count * checkpointsOf(manifest.recipe) ? info : undefined;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** The checksum in a shard. */
const checksumOf = (bytes: Uint8Array): string | undefined =>
  safetensorsHeader(bytes.subarray(0, safetensorsPrefixBytes(bytes))).metadata["checksum"];

/**
 * Creates the shard, or sees that the one that is there is the same; a damaged one, and one of fewer networks from when the zoo
 * was smaller, is replaced.
 * @returns the shard as it was read back
 * @throws {EnvironmentError} when another builder has trained other weights from the same settings, or nothing can be read back
 */
export async function keepShard(
  store: ZooStore,
  manifest: ZooManifest,
  plan: ShardPlan,
  bytes: Uint8Array,
): Promise<ShardInfo> {
  if (!(await store.create(plan.name, bytes))) {
    const there = await wholeShard(store, manifest, plan);
    if (there === undefined) await store.write(plan.name, bytes);
    else if (there.header.metadata["checksum"] === checksumOf(bytes)) return there;
    else
      throw new EnvironmentError(
        `${plan.name} in ${store.location} was trained by another builder to other weights than here, from the same settings; builders must round alike: give all of them the same version of Node and the same kind of processor`,
      );
  }
  const info = await inspectShard(store, manifest, plan);
  if (info !== undefined) return info;
  throw new EnvironmentError(
    `${plan.name} in ${store.location} is gone right after it was written; see what else removes files there, then build again`,
  );
}
