// The only door to @jax-js/jax: starts a device and fills in what older Node versions lack.

import { defaultDevice, init } from "@jax-js/jax";

let started: Promise<void> | undefined;

/** Starts the array engine on its WebAssembly device, once; later calls wait for the first. */
export function startEngine(): Promise<void> {
  started ??= init("wasm").then(() => {
    defaultDevice("wasm");
  });
  return started;
}
