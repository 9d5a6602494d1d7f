// Proves many models one after another in a child process (verify-many.js): one that crashes or hangs loses one model only.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Seconds for one model; a process that needs more is ended and counted. */
const patience = 600;

/** Results by path; a process that ends or hangs loses one model, and the next one goes on. */
export async function judgeAll(paths) {
  const results = [];
  let rest = paths;
  while (rest.length > 0) {
    const done = await judgeSome(rest);
    results.push(...done);
    rest = rest.slice(done.length);
    if (rest.length === 0) break;
    const [path, ...others] = rest;
    results.push({ path, read: false, outcome: "crashed", problem: "the process ended or hung" });
    rest = others;
  }
  return results;
}

function judgeSome(paths) {
  const worker = fileURLToPath(new URL("verify-many.js", import.meta.url));
  const child = spawn(process.execPath, [worker], { stdio: ["pipe", "pipe", "ignore"] });
  const results = [];
  let timer;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => child.kill("SIGKILL"), 1000 * patience);
  };
  wait();
  createInterface({ input: child.stdout }).on("line", (line) => {
    results.push(JSON.parse(line));
    wait();
    if (results.length % 100 === 0) console.error(`${results.length} of ${paths.length}`);
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(paths.join("\n"));
  return new Promise((resolve) => {
    child.on("close", () => {
      clearTimeout(timer);
      resolve(results);
    });
  });
}
