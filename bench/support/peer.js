// Both sides of a comparison, each in a process of its own that builds its work once and runs it whenever it is asked.

import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { fusedFlags } from "./fused-flags.js";

const folder = fileURLToPath(new URL("../peers/", import.meta.url));

/** The Python that has the peers' packages; bench/peers/README.md says which. */
const python = process.env["PEERS_PYTHON"] ?? "python3";

/** Node versions that run our side: this one, or those that PEERS_NODES names, separated by commas. */
export const nodes = (process.env["PEERS_NODES"] ?? process.execPath).split(",");

/** Starts a Python script of bench/peers. */
export const startPeer = (script, config, seconds = 600) =>
  start(script, python, [script], config, seconds, "PEERS_PYTHON names another");

/** Starts our side under one Node version, with fused multiply-add as the command line has it. */
export function startOurs(config, node) {
  const script = fileURLToPath(new URL("ours.js", import.meta.url));
  const { stdout: version } = spawnSync(node, ["--version"], { encoding: "utf8" });
  return start(
    "ours.js",
    node,
    [...fusedFlags(version), script],
    config,
    120,
    "PEERS_NODES names others",
  );
}

/**
 * Starts a program with its configuration. `run(name)` gives milliseconds; `about` is what the script says of itself.
 * Rejects when the script ends early, or is not ready within `seconds`.
 */
async function start(script, command, args, config, seconds, remedy) {
  const child = spawn(command, args, {
    cwd: folder,
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, OMP_NUM_THREADS: String(config.threads), TF_CPP_MIN_LOG_LEVEL: "3" },
  });
  let errors = "";
  child.stderr.on("data", (text) => (errors = (errors + text).slice(-2000)));
  const waiting = [];
  createInterface({ input: child.stdout }).on("line", (line) =>
    waiting.shift()?.resolve(JSON.parse(line)),
  );
  const ended = (reason) => {
    for (const { reject } of waiting.splice(0))
      reject(new Error(`${script} ${reason} under ${command}; ${remedy}\n${errors}`));
  };
  child.on("error", (error) => ended(`did not start: ${error.message}`));
  child.on("exit", (code) => ended(`ended with ${code}`));
  const ask = (value) =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      child.stdin.write(`${JSON.stringify(value)}\n`);
    });
  const late = setTimeout(() => {
    ended(`was not ready within ${seconds} seconds`);
    child.kill("SIGKILL");
  }, seconds * 1000);
  let about;
  try {
    about = await ask(config);
  } finally {
    clearTimeout(late);
  }
  let megabytes = 0;
  return {
    about,
    megabytes: () => megabytes,
    async run(name) {
      const answer = await ask({ run: name });
      megabytes = answer.megabytes;
      return answer.ms;
    },
    /** The same with all that the work answers. */
    answer: (name) => ask({ run: name }),
    /** Of our side: the part of the time of steady work that its thread spends outside of WebAssembly, from 0 to 1. */
    share: async (name) => (await ask({ share: name })).share,
    stop: () => child.kill(),
  };
}
