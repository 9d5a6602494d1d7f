// Pools of worker threads, in Node only.

import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import { pluginFiles } from "../load-plugins.ts";

/** A pool of at most `workers` threads with the plug-ins of this process, started as they are needed. */
export const threadPool = <Request, Result>(workers: number, entry: URL) =>
  new Piscina<Request, Result>({
    filename: fileURLToPath(entry),
    minThreads: 1,
    maxThreads: workers,
    idleTimeout: 60_000,
    workerData: pluginFiles(),
  });
