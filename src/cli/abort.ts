// Ctrl-C, a request to end and a closed terminal: the first asks the work to stop at a safe place, the second ends the
// process at once.

import { constants } from "node:os";

export interface Interruption {
  /** Aborts on the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** Exit code of an interrupted run, 130 for Ctrl-C; undefined when nothing interrupted it. */
  exitCode(): number | undefined;
  /** Gives the signals back. */
  dispose(): void;
}

const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Listens for these signals; `onFirst` may tell the user what happens now. */
export function interruption(onFirst: () => void): Interruption {
  const controller = new AbortController();
  let code: number | undefined;
  const listener = (name: (typeof names)[number]) => {
    if (code !== undefined) process.exit(code);
    code = 128 + constants.signals[name];
    controller.abort();
    onFirst();
  };
  for (const name of names) process.on(name, listener);
  return {
    signal: controller.signal,
    exitCode: () => code,
    dispose() {
      for (const name of names) process.off(name, listener);
    },
  };
}
