// One bad file among many: it is named on standard error, the others are not lost, and the exit code says it at the end.

import { visibleName } from "../core/visible.ts";
import { messageOf, print } from "./output.ts";
import type { Cli } from "./context.ts";

/** Exit code when some files could not be used. */
const someFailed = 1;

/** Tells of a file that cannot be used; goes on with others. @throws the error itself when it is none of ours */
export function reportBadFile(cli: Cli, path: string, error: unknown): void {
  const { code, message } = error as { code?: unknown; message?: string };
  if (cli.signal.aborted || typeof code !== "string" || !code.startsWith("WEIGHTSPACE_"))
    throw error;
  if (code === "WEIGHTSPACE_USAGE") throw error;
  const text = messageOf({ ...(error as { problems?: unknown }), message: message ?? "" });
  print("stderr", `error: ${text.includes(path) ? text : `${visibleName(path)}: ${text}`}`);
  cli.exitWith(someFailed);
}
