// One bad file among many: it is named on standard error, the others are not lost, and the exit code says it at the end.

import { visibleName } from "../../core/visible.ts";
import { messageOf, print } from "./output.ts";
import type { Cli } from "./context.ts";

/** Exit code when some files could not be used. */
const someFailed = 1;

/** Why a file cannot be used, where others can go on. @throws the error itself when it is none of ours, or misuse */
export function reasonOf(cli: Cli, error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: string };
  if (cli.signal.aborted || typeof code !== "string" || !code.startsWith("WEIGHTSPACE_"))
    throw error;
  if (code === "WEIGHTSPACE_USAGE") throw error;
  return messageOf({ ...(error as { problems?: unknown }), message: message ?? "" });
}

/** Tells of a file that cannot be used; goes on with others. @throws the error itself when it is none of ours */
export function reportBadFile(cli: Cli, path: string, error: unknown): void {
  const text = reasonOf(cli, error);
  print("stderr", `error: ${text.includes(path) ? text : `${visibleName(path)}: ${text}`}`);
  cli.exitWith(someFailed);
}
