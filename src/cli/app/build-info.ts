// Where results come from: the machine, and the version of the code.

import { execFile } from "node:child_process";
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Arithmetic, hostArithmetic } from "../../kernels/wasm/fused-multiply-add.ts";
import { packageVersion } from "../../node/package-version.ts";

/** Processor, cores and version of Node. */
export const machineParts = () => ({
  processor: cpus()[0]?.model.trim() ?? "unknown processor",
  cores: availableParallelism(),
  node: process.versions.node,
});

/** `Intel(R) Xeon(R) Processor, 2 cores, Node 20.20.2`. */
export function machine(): string {
  const { processor, cores, node } = machineParts();
  return `${processor}, ${cores} ${cores === 1 ? "core" : "cores"}, Node ${node}`;
}

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
