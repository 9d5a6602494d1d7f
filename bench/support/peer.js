// A peer in a process of its own: a Python script that builds its work once and runs it whenever it is asked.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../peers/", import.meta.url));

/** The Python that has the peers' packages; bench/peers/README.md says which. */
const python = process.env["PEERS_PYTHON"] ?? "python3";

/**
 * Starts a script with its configuration. `run(name)` gives milliseconds; `about` is what the script says of itself.
 * Rejects when the script ends early, or is not ready within `seconds`.
 */
export async function startPeer(script, config, seconds = 600) {
  const child = spawn(python, [script], {
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
      reject(
        new Error(`${script} ${reason} under ${python}; PEERS_PYTHON names another\n${errors}`),
      );
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
    stop: () => child.kill(),
  };
}
