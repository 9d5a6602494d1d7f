// Ctrl-C: the first asks the work to stop at a safe place, the second ends the process at once.

import { constants } from "node:os";

export interface Interruption {
  /** Aborts on the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Exit code of an interrupted run, 130 for Ctrl-C; undefined when nothing interrupted it. */
  exitCode(): number | undefined;
  /** Gives the signals back. */
  dispose(): void;
}

/** Listens for SIGINT and SIGTERM; `onFirst` may tell the user what happens now. */
export function interruption(onFirst: () => void): Interruption {
  const controller = new AbortController();
  let code: number | undefined;
  const listener = (name: "SIGINT" | "SIGTERM") => {
    if (code !== undefined) process.exit(code);
    code = 128 + constants.signals[name];
    controller.abort();
    onFirst();
  };
  process.on("SIGINT", listener);
  process.on("SIGTERM", listener);
  return {
    signal: controller.signal,
    exitCode: () => code,
    dispose() {
      process.off("SIGINT", listener);
      process.off("SIGTERM", listener);
    },
  };
}
