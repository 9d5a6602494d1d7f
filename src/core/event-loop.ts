// Lets timers, signals and clicks through during long work: waiting for the engine alone never leaves the microtask
// queue, and an AbortSignal that nothing can trigger would be no use.

/** A function to await between steps; gives the event loop a turn when `everyMs` have passed since the last one. */
export function periodicYield(everyMs = 50): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < everyMs) return;
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 0);
    });
    last = performance.now();
  };
}
