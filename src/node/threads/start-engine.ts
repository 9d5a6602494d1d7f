// Starts the array engine in Node, with a pool of threads where more than one is asked for.

import { OptionError } from "../../core/errors.ts";
import { withThreads } from "./engine-threads.ts";
import { offerNodeThreads } from "./kernel-threads.ts";

/** How {@link startEngine} starts the array engine. */
export interface EngineOptions {
  /**
   * Threads that share one product or kernel. Pays for products from about 256 x 256 on; below that one thread is
   * faster. More than one must be asked for before anything imports @jax-js/jax, which decides about threads while it
   * loads: import what uses arrays afterwards, with import(). @default 1
   *
   * Kernels of large functionals run on as many threads, or on all there are when this is left out.
   */
  readonly threads?: number;
}

let started: { threads: number; ready: Promise<void> } | undefined;

async function start(requested: number | undefined): Promise<void> {
  const threads = requested ?? 1;
  offerNodeThreads(requested);
  if (threads > 1) await withThreads(threads, () => import("@jax-js/jax"));
  const { startEngine: startLoaded } = await import("../../engine/start.ts");
  await startLoaded();
}

/**
 * Starts the array engine, once; later calls wait for the first.
 * @throws {OptionError} for a thread count below 1, or other than the one the engine already runs with;
 * {EnvironmentError} when threads are asked for after @jax-js/jax was loaded.
 */
export async function startEngine({ threads }: EngineOptions = {}): Promise<void> {
  if (threads !== undefined && (!Number.isSafeInteger(threads) || threads < 1)) {
    throw new OptionError(`startEngine: threads must be a whole number from 1, got ${threads}`);
  }
  if (started !== undefined && threads !== undefined && threads !== started.threads) {
    throw new OptionError(
      `startEngine: the engine already runs with threads ${started.threads}, got ${threads}; ask for threads in the first call`,
    );
  }
  started ??= { threads: threads ?? 1, ready: start(threads) };
  try {
    await started.ready;
  } catch (error) {
    started = undefined;
    throw error;
  }
}
