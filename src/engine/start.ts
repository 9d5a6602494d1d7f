// Starts the array engine: its WebAssembly device becomes the default one.

import { defaultDevice, init } from "@jax-js/jax";
import { offerPageThreads } from "../kernels/page-threads.ts";

let started: Promise<void> | undefined;

/**
 * Starts the array engine, once; later calls wait for the first. A page runs it, and kernels of large functionals, on the
 * threads that the browser gives: several where the page is isolated (its headers allow shared memory). Node runs it on one
 * thread, or on several with `startEngine` of `weightspace/node`.
 */
export async function startEngine(): Promise<void> {
  started ??= init("wasm")
    .then(() => defaultDevice("wasm"))
    .then(offerPageThreads);
  try {
    await started;
  } catch (error) {
    started = undefined;
    throw error;
  }
}
