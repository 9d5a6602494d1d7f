// Starts the array engine: its WebAssembly device becomes the default one.

import { defaultDevice, init } from "@jax-js/jax";

let started: Promise<void> | undefined;

/**
 * Starts the array engine, once; later calls wait for the first. A page runs it on the threads that the browser gives;
 * Node runs it on one thread, or on several with `startEngine` of `weightspace/node`.
 */
export async function startEngine(): Promise<void> {
  started ??= init("wasm")
    .then(() => defaultDevice("wasm"))
    .then(() => undefined);
  try {
    await started;
  } catch (error) {
    started = undefined;
    throw error;
  }
}
