// The shards of a zoo as a list of work: whoever knows the manifest makes the same list.

import { digestOf, type WorkList, workList, type WorkUnit } from "../work/work-list.ts";
import type { ZooManifest } from "./manifest.ts";
import { originOf } from "./shard-parts.ts";
import { planShards, type ShardPlan } from "./shard.ts";

/** A shard to be trained; `name` is its file. */
export type ShardUnit = WorkUnit & ShardPlan;

/** Everything that decides the bytes of shards. */
type Decides = Pick<
  ZooManifest,
  | "recipe"
  | "seed"
  | "metrics"
  | "plugins"
  | "networks"
  | "shardSize"
  | "arithmetic"
  | "backend"
  | "data"
  | "start"
>;

/** All shards of a zoo, in order, whose results belong into the store at `location`. */
export async function zooList(manifest: Decides, location: string): Promise<WorkList<ShardUnit>> {
  const origin = await originOf(manifest);
  const { arithmetic = "unknown" } = manifest;
  const units = await Promise.all(
    planShards(manifest.networks, manifest.shardSize).map(async (plan): Promise<ShardUnit> =>
      Object.freeze({ id: await digestOf({ origin, arithmetic, ...plan }), ...plan }),
    ),
  );
  return workList("zoo", location, units);
}
