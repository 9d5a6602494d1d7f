// Threads for the engine in Node: it starts its pool through the browser's `Worker`, which is given here in terms of
// worker_threads, covering just what the pool uses. Loaded in Node only.

import { resolveObjectURL } from "node:buffer";
import { Worker as Thread } from "node:worker_threads";
import { EnvironmentError } from "../../core/errors.ts";
import { watchLoading } from "../../engine/live-arrays.ts";

/** What a thread runs: browser names first, then the source it is sent, then one message after another. */
const bootstrap = `
const { parentPort } = require("node:worker_threads");
globalThis.self = globalThis;
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.once("message", (source) => {
  (0, eval)(source);
  parentPort.on("message", (data) => self.onmessage({ data }));
});
`;

interface PoolWorker {
  onmessage: ((event: { data: unknown }) => void) | null;
  onerror: ((event: { message: string }) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}

/** A worker from a blob address. It keeps the process alive only while a message waits for its answer. */
function startWorker(address: string): PoolWorker {
  const thread = new Thread(bootstrap, { eval: true });
  thread.unref();
  let waiting = 0;
  const worker: PoolWorker = {
    onmessage: null,
    onerror: null,
    postMessage(message) {
      if (waiting++ === 0) thread.ref();
      sourceSent.then(
        () => thread.postMessage(message, []),
        () => undefined,
      );
    },
    terminate: () => void thread.terminate(),
  };
  thread.on("message", (data) => {
    if (--waiting === 0) thread.unref();
    worker.onmessage?.({ data });
  });
  thread.on("error", (error) => worker.onerror?.({ message: error.message }));
  const blob = resolveObjectURL(address);
  const sourceSent =
    blob === undefined
      ? Promise.reject(new Error(`no source at ${address}`))
      : blob.text().then((source) => thread.postMessage(source, []));
  sourceSent.catch((error: Error) => worker.onerror?.({ message: error.message }));
  return worker;
}

/**
 * Loads the engine with a global `Worker` in place, which stays, and with `navigator` telling the number of threads.
 * @throws {EnvironmentError} when the engine was loaded before, without threads.
 */
export async function withThreads(threads: number, load: () => Promise<unknown>): Promise<void> {
  const hadWorker = "Worker" in globalThis;
  if (!hadWorker) {
    Object.defineProperty(globalThis, "Worker", {
      configurable: true,
      writable: true,
      value: function Worker(address: string | URL) {
        return startWorker(String(address));
      },
    });
  }
  const navigator = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  const value = { userAgent: "node", hardwareConcurrency: threads };
  Object.defineProperty(globalThis, "navigator", { configurable: true, value });
  const { heap } = await watchLoading(load);
  if (navigator === undefined) Reflect.deleteProperty(globalThis, "navigator");
  else Object.defineProperty(globalThis, "navigator", navigator);
  if (heap === undefined) {
    if (!hadWorker) Reflect.deleteProperty(globalThis, "Worker");
    throw new EnvironmentError(
      `startEngine: ${threads} threads were asked for after @jax-js/jax was loaded; call startEngine first and import what uses arrays afterwards, with import()`,
    );
  }
}
