// shards.json: the shards of a zoo with their checksums, and one digest of them all, by which two populations are compared without
// reading their weights. Like the table it follows from the shards, and can be written again at any time.

import type { ZooStore } from "../core/store.ts";
import { equalBytes } from "../core/bytes.ts";
import { digestOf } from "../work/work-list.ts";
import type { ZooManifest } from "./manifest.ts";
import type { ShardInfo } from "./shard.ts";

const shardListName = "shards.json";
const shardListFormat = "weightspace/zoo-shards@1";

type Listed = Pick<ShardInfo, "plan" | "rows" | "header">;

const entriesOf = (shards: readonly Listed[]) =>
  shards
    .toSorted((a, b) => a.plan.from - b.plan.from)
    .map(({ plan, rows, header }) => ({
      name: plan.name,
      checksum: header.metadata["checksum"] ?? "none",
      networks: rows.length,
    }));

/** The digest of a population: equal for equal weights and rows, whoever trained them, in whatever order. */
export const populationDigest = (shards: readonly Listed[]): Promise<string> =>
  digestOf(entriesOf(shards));

/** Writes the list of shards, unless it is there already. */
export async function keepShardList(
  store: ZooStore,
  shards: readonly Listed[],
  { arithmetic }: Pick<ZooManifest, "arithmetic">,
): Promise<void> {
  const value = {
    format: shardListFormat,
    digest: await populationDigest(shards),
    ...(arithmetic !== undefined && { arithmetic }),
    shards: entriesOf(shards),
  };
  const bytes = new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
  const old = await store.read(shardListName);
  if (old === undefined || !equalBytes(old, bytes)) await store.write(shardListName, bytes);
}
