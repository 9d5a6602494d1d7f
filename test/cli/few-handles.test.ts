// Commands that load many modules, where a process may have 64 files open: a population, a functional, an experiment, a report.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { inTemporaryFolder } from "../support/command-line.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Runs Node with 64 file handles; gives its exit code and what it said on standard error. */
async function withFewHandles(args: readonly string[], cwd: string) {
  const script = `ulimit -n 64; exec "$0" "$@"`;
  try {
    const { stderr } = await promisify(execFile)("sh", ["-c", script, process.execPath, ...args], {
      cwd,
    });
    return { code: 0, stderr };
  } catch (error) {
    const { code, stderr } = error as { code: number; stderr: string };
    return { code, stderr };
  }
}

test("64 file handles suffice from a population to a report; without taking turns they do not", () =>
  inTemporaryFolder(async (folder) => {
    const build = ["zoo", "build", "--networks", "16", "--shard-size", "8", "-o", "zoo"];
    const main = JSON.stringify(`${root}dist/cli/main.js`);
    const plain = `import(${main}).then(async ({ main }) => { process.exitCode = await main(${JSON.stringify(build)}); })`;
    const control = await withFewHandles(["-e", plain], folder);
    expect(control.stderr).toContain("EMFILE");
    for (const command of [
      build,
      "train --zoo zoo --functional linear --epochs 1 -o f.safetensors".split(" "),
      "experiment generalization --zoo zoo --models linear --epochs 1 --seeds 1 -o run".split(" "),
      "report run/experiment.json -o page.html".split(" "),
    ]) {
      const { code, stderr } = await withFewHandles(
        [`${root}bin/weightspace.js`, ...command],
        folder,
      );
      expect([command.join(" "), code, code === 0 ? "" : stderr]).toEqual([
        command.join(" "),
        0,
        "",
      ]);
    }
  }));
