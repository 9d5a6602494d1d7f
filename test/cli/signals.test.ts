// Signals while a computation holds the event loop: no listener could run, so nothing may listen.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";

const main = JSON.stringify(new URL("../../dist/cli/main.js", import.meta.url).href);

/** Starts a command line with one command of this name, which computes for ever. */
async function busy(name: string) {
  const program = `
    import { main } from ${main};
    const command = (program) => program.command(${JSON.stringify(name)}).action(() => {
      process.stderr.write("ready\\n");
      for (;;);
    });
    process.exitCode = await main([${JSON.stringify(name)}], [command]);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program]);
  await once(child.stderr, "data");
  return child;
}

describe("a command that computes without a pause", () => {
  const names = ["symmetries", "describe", "embed", "compare", "align", "merge", "canonical"];
  const more = ["convert", "distance", "fingerprint", "rank", "sketch", "predict", "report"];
  test.each([...names, ...more])("%s ends on the first signal", async (name) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      const child = await busy(name);
      child.kill(signal);
      expect(await once(child, "close")).toEqual([null, signal]);
    }
  });

  test("control: a command that listens, to stop at a safe place, is reached by SIGKILL only", async () => {
    const child = await busy("train");
    child.kill("SIGINT");
    child.kill("SIGTERM");
    const pause = new Promise((resolve) => setTimeout(resolve, 300, "still there"));
    expect(await Promise.race([once(child, "close"), pause])).toBe("still there");
    child.kill("SIGKILL");
    expect(await once(child, "close")).toEqual([null, "SIGKILL"]);
  });
});
