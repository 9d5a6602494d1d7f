// The only door to @jax-js/jax: starts its WebAssembly device, alone or with a pool of threads.

import { EnvironmentError, OptionError } from "../core/errors.ts";

export interface EngineOptions {
  /**
   * Threads that share one product or kernel; a page uses what the browser gives it, whatever is asked for. Pays for
   * products from about 256 x 256 on; below that one thread is faster. More than one must be asked for before anything
   * imports @jax-js/jax, which decides about threads while it loads. @default 1
   */
  readonly threads?: number;
  /** Loads the engine with that many threads; `startEngine` of `weightspace/node` gives the one for Node. */
  readonly loadWithThreads?: (threads: number, load: () => Promise<unknown>) => Promise<void>;
}

let started: { threads: number; ready: Promise<void> } | undefined;

const inNode = (): boolean =>
  typeof process !== "undefined" && typeof process.versions?.node === "string";

async function start(
  threads: number,
  loadWithThreads: EngineOptions["loadWithThreads"],
): Promise<void> {
  const load = () => import("@jax-js/jax");
  if (threads > 1 && inNode()) {
    if (loadWithThreads === undefined)
      throw new EnvironmentError(
        `startEngine: ${threads} threads were asked for, which need Node's part; import startEngine from "weightspace/node"`,
      );
    await loadWithThreads(threads, load);
  }
  const { defaultDevice, init } = await load();
  await init("wasm");
  defaultDevice("wasm");
}

/**
 * Starts the array engine, once; later calls wait for the first.
 * @throws {OptionError} for a thread count below 1, or other than the one the engine already runs with;
 * {EnvironmentError} when threads are asked for after @jax-js/jax was loaded, or in Node without its part.
 */
export async function startEngine(options: EngineOptions = {}): Promise<void> {
  const { threads } = options;
  if (threads !== undefined && (!Number.isSafeInteger(threads) || threads < 1)) {
    throw new OptionError(`startEngine: threads must be a whole number from 1, got ${threads}`);
  }
  if (started !== undefined && threads !== undefined && threads !== started.threads) {
    throw new OptionError(
      `startEngine: the engine already runs with threads ${started.threads}, got ${threads}; ask for threads in the first call`,
    );
  }
  started ??= { threads: threads ?? 1, ready: start(threads ?? 1, options.loadWithThreads) };
  try {
    await started.ready;
  } catch (error) {
    started = undefined;
    throw error;
  }
}
