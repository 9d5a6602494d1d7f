// Training runs side by side in worker threads, each with an engine of its own; Node only.

import { fileURLToPath } from "node:url";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import { EnvironmentError } from "../../core/errors.ts";
import { pluginFiles } from "../load-plugins.ts";
import type { JobPool } from "../../experiment/job-pool.ts";
import type { JobOutcome, JobRequest } from "../../experiment/job.ts";

/** The compiled worker: beside this file once built, in dist while running from source. */
function workerEntry(): URL {
  const built = import.meta.url.endsWith(".ts")
    ? "../../../dist/node/threads/job-worker.js"
    : "./job-worker.js";
  return new URL(built, import.meta.url);
}

export function jobThreadPool(workers: number, entry: URL = workerEntry()): JobPool {
  const pool = new Piscina<{ request: JobRequest; port: MessagePort }, JobOutcome>({
    filename: fileURLToPath(entry),
    minThreads: 1,
    maxThreads: workers,
    idleTimeout: 60_000,
    workerData: pluginFiles(),
  });
  return {
    width: workers,
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
