// Ctrl-C. Work that goes on where it stopped is asked to stop at a safe place, and a second Ctrl-C ends the process at once.
// For all other work nothing listens: the system then ends the process within milliseconds, also in the middle of a long
// computation, when no listener could run. Files being written are guarded by write-file.ts while they are written.

import { constants } from "node:os";

export interface Interruption {
  /** Aborts on the first SIGINT, SIGTERM or SIGHUP, once `listen` was called. */
  readonly signal: AbortSignal;
  /** Exit code of an interrupted run, 130 for Ctrl-C; undefined when nothing interrupted it. */
  exitCode(): number | undefined;
  /** From now on the signals ask the work to stop instead of ending the process. */
  listen(): void;
  /** Gives the signals back. */
  dispose(): void;
}

const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** What these signals do; `onFirst` may tell the user what happens now. */
export function interruption(onFirst: () => void): Interruption {
  const controller = new AbortController();
  let code: number | undefined;
  const listener = (name: (typeof names)[number]) => {
    if (code !== undefined) process.exit(code);
    code = 128 + constants.signals[name];
    controller.abort();
    onFirst();
  };
  return {
    signal: controller.signal,
    exitCode: () => code,
    listen() {
      for (const name of names) process.on(name, listener);
    },
    dispose() {
      for (const name of names) process.off(name, listener);
    },
  };
}
