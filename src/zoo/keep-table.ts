// Keeps the table of a zoo up to date with its shards.

import { tableName, type ZooManifest } from "./manifest.ts";
import { rowsOf } from "./open.ts";
import type { ShardRows } from "./shard-parts.ts";
import type { ZooStore } from "../core/store.ts";
import { encodeTable } from "./table.ts";

/** Writes the table of the given shards, with weights or without, unless it is there already. */
export async function keepTable(
  store: ZooStore,
  shards: readonly ShardRows[],
  { metrics }: Pick<ZooManifest, "metrics">,
): Promise<void> {
  const ordered = shards.toSorted((a, b) => a.plan.from - b.plan.from);
  const bytes = encodeTable(rowsOf(ordered), metrics);
  const old = await store.read(tableName);
  if (old?.length === bytes.length && old.every((byte, i) => byte === bytes[i])) return;
  await store.write(tableName, bytes);
}
