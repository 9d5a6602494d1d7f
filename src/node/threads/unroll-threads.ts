// Groups of pairs in worker threads, one thread a group, in Node only.

import { Worker } from "node:worker_threads";
import { EnvironmentError } from "../../core/errors.ts";
import type { GroupRequest, UnrollPool } from "../../optimizers/meta/unroll-pool.ts";
import type { TruncationResult, UnrollGroup } from "../../optimizers/meta/unrolls.ts";
import type { HostRecord } from "../../engine/arrays.ts";
import { pluginFiles } from "../load-plugins.ts";
import type { InnerTaskSource } from "../open-inner-task.ts";
import type { UnrollCall, UnrollWorkerData } from "./unroll-worker.ts";
import { workerEntry } from "./worker-entry.ts";

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

function openThread(source: InnerTaskSource, request: GroupRequest, entry: URL): UnrollGroup {
  const data: UnrollWorkerData = { ...request, source, plugins: pluginFiles() };
  const worker = new Worker(entry, { workerData: data });
  const waiting = new Map<number, Waiting>();
  let [next, ended]: [number, Error | undefined] = [0, undefined];
  const end = (error: Error): void => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  worker.on(
    "message",
    ({ id, result, error }: { id: number; result: unknown; error?: unknown }) => {
      const call = waiting.get(id);
      waiting.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(error);
    },
  );
  worker.on("error", (error) => end(error instanceof Error ? error : new Error(String(error))));
  worker.on("exit", (code) =>
    end(
      new EnvironmentError(
        `metaTrain: a worker thread ended with code ${code} in the middle of its work; run again to go on from the last checkpoint`,
      ),
    ),
  );
  const ask = (call: UnrollCall): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) {
        reject(ended);
        return;
      }
      waiting.set(next, { resolve, reject });
      worker.postMessage({ id: next++, ...call });
    });
  return {
    run: (request) => ask({ call: "run", request }) as Promise<readonly TruncationResult[]>,
    save: () => ask({ call: "save" }) as Promise<HostRecord>,
    load: (saved) => ask({ call: "load", saved }) as Promise<void>,
    close: async () => {
      await worker.terminate();
    },
  };
}

/** Threads that unroll, started as groups are opened. */
export const unrollThreads = (
  workers: number,
  source: InnerTaskSource,
  entry: URL = workerEntry("unroll-worker"),
): UnrollPool => ({
  width: workers,
  open: async (request) => openThread(source, request, entry),
});
