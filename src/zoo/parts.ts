// Parts of a build: one small file for every finished shard, with the metrics of its networks and the shard's checksum but no
// weights. Networks are trained again from recipe and seed; a part says whether they came out the same.

import { z } from "zod";
import { blankChecksum, checksumHolds, withChecksum } from "../core/checksum.ts";
import { FormatError } from "../core/errors.ts";
import { parseJson } from "../core/json-limits.ts";
import type { ZooStore } from "../core/store.ts";
import type { ShardInfo } from "./shard.ts";

/** Bytes of the largest part. */
const maxPartBytes = 200_000;
const partFormat = "weightspace/zoo-part@1";

const schema = z.object({
  checksum: z.string(),
  format: z.literal(partFormat),
  shard: z.string(),
  shardChecksum: z.string(),
});

const partName = ({ plan }: ShardInfo) => plan.name.replace(/safetensors$/, "json");

/**
 * Keeps the part of a shard, or compares the shard with the part that is there.
 * @returns what is wrong, in a sentence: a part that is damaged (it is written anew), too large, or of other networks
 */
export async function keepShardPart(store: ZooStore, info: ShardInfo): Promise<string | undefined> {
  const name = partName(info);
  const shardChecksum = info.header.metadata["checksum"] ?? "";
  const old = await readShardPart(store, name);
  const isSame = typeof old === "object" && old.shardChecksum === shardChecksum;
  if (isSame) return undefined;
  if (typeof old === "object")
    return `${info.plan.name} is not the shard that ${name} in ${store.location} was made of: networks depend on the machine and the version of Node in their last digits, or the zoo has grown; remove that part to keep this one`;
  const value = {
    checksum: blankChecksum,
    format: partFormat,
    shard: info.plan.name,
    shardChecksum,
    networks: info.rows.map(({ index, finite, metrics }) => ({ index, finite, ...metrics })),
  };
  const bytes = await withChecksum(new TextEncoder().encode(JSON.stringify(value)));
  if (bytes.length > maxPartBytes)
    return `${name} would have ${bytes.length} bytes, and parts have at most ${maxPartBytes}; it is not kept, build with a smaller --shard-size`;
  await store.write(name, bytes);
  return old;
}

/** A part: undefined without one, a sentence when it is damaged. */
async function readShardPart(
  store: ZooStore,
  name: string,
): Promise<{ readonly shardChecksum: string } | string | undefined> {
  const bytes = await store.read(name);
  if (bytes === undefined) return undefined;
  const damaged = `${name} in ${store.location} is damaged; it is written anew`;
  try {
    const fail = (problem: string) => new FormatError(problem);
    const parsed = schema.safeParse(parseJson(bytes, { bytes: 2 ** 24, fail }));
    if (!parsed.success || !(await checksumHolds(bytes, parsed.data.checksum))) return damaged;
    return parsed.data;
  } catch (error) {
    if (error instanceof FormatError) return damaged;
    throw error;
  }
}
