// Programs that some tests need and a machine may lack: such tests end as skipped, with the name of the program and how to
// get it. Where WEIGHTSPACE_REQUIRE_PROGRAMS is set, as on a server, a missing program is a failure instead.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type TestContext } from "vitest";

const hints: Readonly<Record<string, string>> = {
  chromium: "apt-get install chromium",
  "redis-server": "apt-get install redis-server",
  initdb: "apt-get install postgresql",
  moto_server: "pip install 'moto[s3,server]'",
};

/** The path of a program on this machine, or undefined. */
export const programPath = (name: string): string | undefined =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));

/** The path of a program; the test is skipped, or fails, where there is none. */
export function needProgram(context: Pick<TestContext, "skip">, name: string): string {
  const path = programPath(name);
  if (path !== undefined) return path;
  const reason = `needs the program "${name}": ${hints[name] ?? "install it"}`;
  if (process.env.WEIGHTSPACE_REQUIRE_PROGRAMS !== undefined) throw new Error(reason);
  context.skip(reason);
  throw new Error(reason);
}
