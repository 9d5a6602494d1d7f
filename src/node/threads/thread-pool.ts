// Pools of worker threads, in Node only.

import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import type { Arithmetic } from "../../kernels/wasm/fused-multiply-add.ts";
import { arithmeticVariable } from "./arithmetic-variable.ts";
import { pluginFiles } from "../load-plugins.ts";

/**
 * A pool of at most `workers` threads with the plug-ins of this process, started as they are needed. They round as this process
 * does, or plainly where that is asked for.
 */
export const threadPool = <Request, Result>(workers: number, entry: URL, arithmetic?: Arithmetic) =>
  new Piscina<Request, Result>({
    filename: fileURLToPath(entry),
    minThreads: 1,
    maxThreads: workers,
    idleTimeout: 60_000,
    workerData: pluginFiles(),
    ...(arithmetic === "plain" && { env: { ...process.env, [arithmeticVariable]: "plain" } }),
  });
