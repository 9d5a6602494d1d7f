// Runs `weightspace symmetries --verify` on one file in a process of its own, and says what came of it.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "../sources.js";
import { axesText } from "./result-table.js";

const memoryHook = new URL("report-memory.js", import.meta.url).href;

/** Everything a process wrote, how it ended, and what it took: `{ status, stdout, stderr, seconds, megabytes }`. */
function runMeasured(args, seconds) {
  const started = performance.now();
  const child = spawn(process.execPath, ["--import", memoryHook, ...args], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const texts = ["", "", "", ""];
  for (const at of [1, 2, 3]) {
    child.stdio[at].setEncoding("utf8");
    child.stdio[at].on("data", (text) => {
      texts[at] += text;
    });
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), 1000 * seconds);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      resolve({
        status,
        signal,
        stdout: texts[1],
        stderr: texts[2],
        seconds: (performance.now() - started) / 1000,
        megabytes: Math.round(Number(texts[3]) / 1024),
      });
    });
  });
}

/** `S_9 positive in S_3` and the like for every moving axis of a spec as JSON, sorted. */
export function axesOfSpec({ axes }) {
  const whole = ({ within, ...axis }) => ({
    ...axis,
    ...(within && { within: whole(axes[within]) }),
  });
  return Object.values(axes)
    .filter(({ group }) => group !== "fixed")
    .map((axis) => axesText(whole(axis)))
    .sort((a, b) => (a < b ? -1 : 1));
}

/**
 * Reads a model, finds its axes and proves them: `{ verdict, axes, tensors, error, warnings, problem, seconds, megabytes }`.
 * The verdict is `proved`, `nothing to prove`, `no weights`, `refuted`, `refused` (a sentence of ours, in `problem`) or `crashed`.
 */
export async function verifyFile(path, { seconds = 1800, options = [] } = {}) {
  const run = await runMeasured(
    [join(root, "bin/weightspace.js"), "symmetries", path, "--verify", "--json", ...options],
    seconds,
  );
  const { status, signal, stdout, stderr } = run;
  const [, verdict, error] =
    /^(proved|refuted|nothing to prove): largest error (\S+)/m.exec(stderr) ?? [];
  const warnings = stderr
    .split("\n")
    .filter((line) => line.startsWith("warning: "))
    .map((line) => line.slice("warning: ".length));
  const measured = { seconds: run.seconds, megabytes: run.megabytes, warnings };
  if (status === 0 && verdict !== undefined) {
    const spec = JSON.parse(stdout);
    const tensors = Object.keys(spec.tensors).length;
    return { verdict, error: Number(error), axes: axesOfSpec(spec), tensors, ...measured };
  }
  const problem = signal
    ? `ended by ${signal}`
    : (stderr.split("\n").find((line) => /^(error|weightspace):/i.test(line)) ??
      stderr.trim().split("\n").at(-1));
  const refused = (status === 1 || status === 2) && !stderr.includes("unexpected");
  const refuted = stderr.includes("is refuted");
  const isEmpty = stderr.includes("the graph reads no stored float tensors");
  return {
    verdict: isEmpty ? "no weights" : refuted ? "refuted" : refused ? "refused" : "crashed",
    axes: [],
    tensors: 0,
    problem,
    ...measured,
  };
}
