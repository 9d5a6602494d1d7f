// Worker threads that train shards side by side, in Node only.

import type { Arithmetic } from "../../kernels/wasm/fused-multiply-add.ts";
import { availableParallelism } from "node:os";
import type { ShardRequest, ShardTrainer } from "../../zoo/training/train-shard.ts";
import { threadPool } from "./thread-pool.ts";
import { workerEntry } from "./worker-entry.ts";

export const defaultWorkers = (): number => availableParallelism();

/** A pool of threads, started as they are needed. */
export function workerPool(
  workers: number,
  entry: URL = workerEntry("zoo-worker"),
  arithmetic?: Arithmetic,
): ShardTrainer {
  const pool = threadPool<ShardRequest, Uint8Array>(workers, entry, arithmetic);
  return {
    width: workers,
    run: async (request, signal) => {
      const bytes = await pool.run(request, { signal });
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    close: () => pool.destroy(),
  };
}
