// The entry of worker threads: one single-threaded engine each, one shard at a time.

import { move } from "piscina";
import { type ShardRequest, trainShard } from "../zoo/train-shard.ts";

export default async function work(request: ShardRequest): Promise<unknown> {
  const bytes = await trainShard(request);
  return move(bytes as Uint8Array<ArrayBuffer>);
}
