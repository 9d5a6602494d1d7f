// Threads of kernels in a page that may share memory (headers for isolation). Workers are started before they are needed:
// while a page computes, none could start.

import { serve, type ThreadTask, useKernelThreads } from "./threads.ts";

/** Most threads of a page: more share one memory without gain. */
const maxThreads = 8;
/** Milliseconds that workers may take to start; a page that forbids them goes on with one thread. */
const patience = 5000;

/** Whether this is a page, or a worker of one, that may share memory with workers. */
const mayShare = (): boolean =>
  (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true &&
  typeof Worker === "function" &&
  typeof SharedArrayBuffer === "function";

/** Answered by a worker: a page hands on messages only when it has heard that the worker's script ran. */
const hello = "hello";

/** A worker that waits for a task; undefined when none starts. */
function startWorker(): Promise<Worker | undefined> {
  const source = `onmessage = ({ data }) =>
    data === "${hello}" ? postMessage(data) : (${serve.toString()})(data);`;
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  return new Promise((resolve) => {
    const settle = (worker: Worker | undefined) => {
      clearTimeout(late);
      URL.revokeObjectURL(address);
      resolve(worker);
    };
    const late = setTimeout(() => settle(undefined), patience);
    try {
      const worker = new Worker(address);
      worker.addEventListener("message", () => settle(worker), { once: true });
      worker.addEventListener("error", () => settle(undefined), { once: true });
      worker.postMessage(hello);
    } catch {
      settle(undefined); // the page's policy forbids workers
    }
  });
}

let offered: Promise<void> | undefined;

/**
 * Lets large programs of this page run on several threads, once; resolves when the workers wait. Does nothing where memory
 * cannot be shared. A program keeps its workers until it ends; meanwhile others run on one thread.
 */
export function offerPageThreads(): Promise<void> {
  offered ??= mayShare() ? startWorkers() : Promise.resolve();
  return offered;
}

async function startWorkers(): Promise<void> {
  const threads = Math.min(maxThreads, navigator.hardwareConcurrency);
  const started = await Promise.all(Array.from({ length: threads - 1 }, startWorker));
  const workers = started.filter((worker) => worker !== undefined);
  if (workers.length < threads - 1) {
    for (const worker of workers) worker.terminate();
    return;
  }
  const start = (task: ThreadTask) => {
    const worker = workers.pop();
    if (worker === undefined) throw new Error("kernels: no worker is free"); // `free` was asked before
    worker.postMessage(task);
    return () => {
      worker.terminate();
      void startWorker().then((fresh) => fresh !== undefined && workers.push(fresh));
    };
  };
  // The main thread of a page must not sleep.
  const sleeps = typeof document === "undefined";
  useKernelThreads({
    start,
    threads,
    sleeps,
    atNeed: false,
    free: () => workers.length >= threads - 1,
  });
}
