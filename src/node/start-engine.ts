// Starts the array engine in Node, with a pool of threads where more than one is asked for.

import { type EngineOptions, startEngine as start } from "../engine/start.ts";
import { withThreads } from "./engine-threads.ts";

/**
 * Starts the array engine, once; later calls wait for the first.
 * @throws {OptionError} for a thread count below 1, or other than the one the engine already runs with;
 * {EnvironmentError} when threads are asked for after @jax-js/jax was loaded.
 */
export const startEngine = (options: Pick<EngineOptions, "threads"> = {}): Promise<void> =>
  start({ ...options, loadWithThreads: withThreads });
