// CPU seconds and peak memory of one program, from its start to its end: what a person pays for a cold command.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const reporter = fileURLToPath(new URL("report-usage.js", import.meta.url));

/** Runs Node with these arguments to its end. */
export function cpuSeconds(args, options = {}) {
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", reporter, ...args], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    ...options,
  });
  const seconds = (performance.now() - began) / 1000;
  const line = stderr.split("\n").findLast((text) => text.startsWith("@@usage "));
  if (status !== 0 || line === undefined)
    throw new Error(`${args.join(" ")}: exit ${status}\n${stderr.slice(-2000)}`);
  return { ...JSON.parse(line.slice(8)), seconds, stdout };
}
