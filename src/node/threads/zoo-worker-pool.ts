// Worker threads that train shards side by side, in Node only.

import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import { pluginFiles } from "../load-plugins.ts";
import type { ShardRequest, ShardTrainer } from "../../zoo/training/train-shard.ts";

/** The compiled worker: beside this file once built, in dist while running from source. */
function workerEntry(): URL {
  const built = import.meta.url.endsWith(".ts")
    ? "../../../dist/node/threads/zoo-worker.js"
    : "./zoo-worker.js";
  return new URL(built, import.meta.url);
}

export const defaultWorkers = (): number => availableParallelism();

/** A pool of threads, started as they are needed. */
export function workerPool(workers: number, entry: URL = workerEntry()): ShardTrainer {
  const pool = new Piscina<ShardRequest, Uint8Array>({
    filename: fileURLToPath(entry),
    minThreads: 1,
    maxThreads: workers,
    idleTimeout: 60_000,
    workerData: pluginFiles(),
  });
  return {
    width: workers,
    train: async (request, signal) => {
      const bytes = await pool.run(request, { signal });
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    close: () => pool.destroy(),
  };
}
