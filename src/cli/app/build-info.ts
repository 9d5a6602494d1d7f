// Where results come from: the machine, and the version of the code.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Arithmetic, hostArithmetic } from "../../kernels/wasm/fused-multiply-add.ts";
import { packageVersion } from "../../node/package-version.ts";

export { machine, machineParts } from "../../node/threads/machine.ts";

/** How products of this process are rounded. */
export const arithmetic = (): Arithmetic => hostArithmetic();

/**
 * The commit this code was checked out at, with `-dirty` when files of its source differ from it; the package's version
 * where it was installed.
 */
export async function codeVersion(): Promise<string> {
  const version = packageVersion();
  const cwd = fileURLToPath(new URL("../../../", import.meta.url));
  const git = async (...args: string[]) =>
    (await promisify(execFile)("git", args, { cwd })).stdout.trim();
  try {
    if ((await git("rev-parse", "--show-prefix")) !== "") return version; // installed inside another project
    const commit = await git("rev-parse", "HEAD");
    const changed = await git("status", "--porcelain", "--", "src", "package-lock.json");
    return changed === "" ? commit : `${commit}-dirty`;
  } catch {
    return version;
  }
}
