// Training runs side by side in worker threads, each with an engine of its own; Node only.

import type { Arithmetic } from "../../kernels/wasm/fused-multiply-add.ts";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { EnvironmentError } from "../../core/errors.ts";
import type { JobPool } from "../../experiment/job-pool.ts";
import type { JobOutcome, JobRequest } from "../../experiment/job.ts";
import { machine } from "./machine.ts";
import { threadPool } from "./thread-pool.ts";
import { workerEntry } from "./worker-entry.ts";

export function jobThreadPool(
  workers: number,
  entry: URL = workerEntry("job-worker"),
  arithmetic?: Arithmetic,
): JobPool {
  const pool = threadPool<{ request: JobRequest; port: MessagePort }, JobOutcome>(
    workers,
    entry,
    arithmetic,
  );
  return {
    width: workers,
    machine: machine(),
    async run(request, signal, onEvent) {
      if (signal.aborted) return {};
      const { port1: here, port2: there } = new MessageChannel();
      const abort = () => here.postMessage("abort");
      signal.addEventListener("abort", abort);
      here.on("message", onEvent);
      try {
        return await pool.run({ request, port: there }, { transferList: [there] });
      } catch (error) {
        if (
          error instanceof Error &&
          /worker/i.test(error.message) &&
          /terminat|exit/i.test(error.message)
        ) {
          throw new EnvironmentError(
            `experiment: the worker training ${request.name} with seed ${request.seed} was killed; run again to continue from its last checkpoint`,
            { cause: error },
          );
        }
        throw error;
      } finally {
        signal.removeEventListener("abort", abort);
        here.off("message", onEvent);
        here.close();
      }
    },
    close: () => pool.destroy(),
  };
}
