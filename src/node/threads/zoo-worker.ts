// The entry of worker threads: one single-threaded engine each, one shard at a time.

import { move, workerData } from "piscina";
import { inheritArithmetic } from "../arithmetic.ts";
import { loadPluginFiles, type PluginFile } from "../load-plugins.ts";
import { type ShardRequest, trainShard } from "../../zoo/training/train-shard.ts";

inheritArithmetic();

export default async function work(request: ShardRequest): Promise<unknown> {
  await loadPluginFiles(workerData as readonly PluginFile[]);
  const bytes = await trainShard(request);
  return move(bytes as Uint8Array<ArrayBuffer>);
}
