// Starts the array engine in Node, with a pool of threads where more than one is asked for.

import { EnvironmentError, OptionError } from "../../core/errors.ts";
import type { StartedEngine, StartOptions } from "../../engine/start.ts";
import { withThreads } from "./engine-threads.ts";
import { offerNodeThreads } from "./kernel-threads.ts";

/** How {@link startEngine} starts the array engine. */
export interface EngineOptions extends StartOptions {
  /**
   * Threads that share one product or kernel. Pays for products from about 256 x 256 on; below that one thread is
   * faster. More than one must be asked for before anything imports @jax-js/jax, which decides about threads while it
   * loads: import what uses arrays afterwards, with import(). @default 1
   *
   * Kernels of large functionals run on as many threads, or on all there are when this is left out.
   */
  readonly threads?: number;
}

let started: { threads: number; ready: Promise<StartedEngine> } | undefined;

/** What is used of the package `webgpu`. */
interface WebGPUPackage {
  readonly create: (options: readonly string[]) => unknown;
  readonly globals: object;
}

/** @throws {EnvironmentError} when it is not installed */
async function loadWebGPU(): Promise<WebGPUPackage> {
  const name: string = "webgpu"; // an optional peer, whose types need not be there
  try {
    return (await import(name)) as WebGPUPackage;
  } catch (error) {
    throw new EnvironmentError(
      "startEngine: WebGPU in Node needs the package webgpu: npm install webgpu",
      { cause: error },
    );
  }
}

/** Gives this process the WebGPU of the optional package `webgpu`. @throws {EnvironmentError} when it is not installed */
async function offerWebGPU(): Promise<void> {
  const host = globalThis as { navigator?: { gpu?: unknown } };
  if (host.navigator?.gpu !== undefined) return;
  const { create, globals } = await loadWebGPU();
  Object.assign(globalThis, globals);
  const navigator = host.navigator ?? {
    userAgent: `Node.js/${process.versions.node.split(".")[0]}`, // as Node 21 and later have it
  };
  if (host.navigator === undefined)
    Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
  Object.defineProperty(navigator, "gpu", { value: create([]), configurable: true });
}

async function start({ threads, device }: EngineOptions): Promise<StartedEngine> {
  offerNodeThreads(threads);
  if (device === "webgpu" || device === "fastest") await offerWebGPU();
  if (threads !== undefined && threads > 1) await withThreads(threads, () => import("@jax-js/jax"));
  const { startEngine: startLoaded } = await import("../../engine/start.ts");
  return startLoaded(device === undefined ? {} : { device });
}

/**
 * Starts the array engine, once; later calls wait for the first.
 * @throws {OptionError} for a thread count below 1, an unknown device, or other ones than the engine already runs with;
 * {EnvironmentError} when threads are asked for after @jax-js/jax was loaded, and when WebGPU is asked for and does not work
 */
export async function startEngine(options: EngineOptions = {}): Promise<StartedEngine> {
  const { threads } = options;
  if (threads !== undefined && (!Number.isSafeInteger(threads) || threads < 1)) {
    throw new OptionError(`startEngine: threads must be a whole number from 1, got ${threads}`);
  }
  if (started !== undefined && threads !== undefined && threads !== started.threads) {
    throw new OptionError(
      `startEngine: the engine already runs with threads ${started.threads}, got ${threads}; ask for threads in the first call`,
    );
  }
  if (started !== undefined && options.device !== undefined) {
    const { startEngine: startLoaded } = await import("../../engine/start.ts");
    return startLoaded({ device: options.device });
  }
  started ??= { threads: threads ?? 1, ready: start(options) };
  try {
    return await started.ready;
  } catch (error) {
    started = undefined;
    throw error;
  }
}
