// Threads of kernels in Node. Loaded by what runs in Node only.

import { availableParallelism } from "node:os";
import { isMainThread, Worker } from "node:worker_threads";
import { serve, type StartThread, useKernelThreads } from "../../kernels/threads.ts";

/** Starts a worker thread; it does not keep the process alive. */
export const startNodeThread: StartThread = (task) => {
  const source = `(${serve.toString()})(require("node:worker_threads").workerData)`;
  const worker = new Worker(source, { eval: true, workerData: task });
  worker.unref();
  return () => void worker.terminate();
};

/** Lets large programs of the main thread run on so many threads; a thread of a pool, which has neighbours, stays alone. */
export function offerNodeThreads(threads: number = availableParallelism()): void {
  if (isMainThread)
    useKernelThreads({
      start: startNodeThread,
      threads,
      sleeps: true,
      atNeed: true,
      free: () => true,
    });
}
