// One training at a time writes an output; a process that ends in whatever way leaves nothing in the way of the next.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EnvironmentError } from "../../src/core/errors.ts";
import { lockOutput } from "../../src/node/output-lock.ts";
import { writeFileAtomic } from "../../src/node/write-file.ts";
import { weightspace } from "../support/command-line.ts";

const bin = fileURLToPath(new URL("../../bin/weightspace.js", import.meta.url));
let folder: string;
const run = (...args: string[]) => weightspace(args, folder);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weightspace-"));
  const built = await run("zoo", "build", "--networks", "40", "--workers", "1", "-o", "zoo");
  expect(built.code).toBe(0);
}, 240_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const endless = ["train", "--zoo", "zoo", "--functional", "linear", "--epochs", "1000000", "-o"];

/** Starts a training that goes on for ever and waits for its first checkpoint. */
async function startTraining(output: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [bin, ...endless, output], {
    cwd: folder,
    stdio: "ignore",
  });
  while (!existsSync(join(folder, output)) && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 20));
  return child;
}

const ended = (child: ChildProcess) =>
  new Promise((resolve) => child.on("close", (code, signal) => resolve(code ?? signal)));

describe("a training's output", () => {
  test("is refused to a second training, under any name; SIGHUP gives it back", async () => {
    const first = await startTraining("same.safetensors");
    const end = ended(first);
    await symlink("same.safetensors", join(folder, "link.safetensors"));
    for (const name of ["same.safetensors", "link.safetensors"]) {
      const second = await run(...endless, name, "--resume");
      expect(second).toMatchObject({ code: 1, stdout: "" });
      expect(second.stderr).toMatch(
        /error: \w+\.safetensors is in use by process \d+ on .*; wait for it, stop it, or choose another place\n$/,
      );
    }
    expect(first.exitCode).toBeNull();
    first.kill("SIGHUP");
    expect(await end).toBe(129);
    expect((await readdir(folder)).filter((name) => /lock|tmp/.test(name))).toEqual([]);
    const third = await run("predict", "same.safetensors", "--zoo", "zoo", "--json");
    expect(third).toMatchObject({ code: 0, stderr: "" });
  });

  test("is taken over from a training that was killed", async () => {
    const first = await startTraining("killed.safetensors");
    const end = ended(first);
    first.kill("SIGKILL");
    expect(await end).toBe("SIGKILL");
    expect(existsSync(join(folder, "killed.safetensors.lock"))).toBe(true);
    const next = startTraining("killed.safetensors"); // refuses: the file exists
    expect(await ended(await next)).toBe(2);
    const unlock = await lockOutput(join(folder, "killed.safetensors"));
    await unlock();
    expect(existsSync(join(folder, "killed.safetensors.lock"))).toBe(false);
  });

  test("locks of this process are refused to itself, and given back", async () => {
    const path = join(folder, "new", "a.safetensors");
    const unlock = await lockOutput(path);
    await expect(lockOutput(path)).rejects.toThrow(EnvironmentError);
    await unlock();
    await (
      await lockOutput(path)
    )();
    await writeFile(join(folder, "file"), "");
    await expect(lockOutput(join(folder, "file", "a"))).rejects.toThrow(
      /part of the path is a file/,
    );
  });
});

describe("temporary files", () => {
  /** Starts a write that never ends, waits for its temporary file, and kills it. */
  async function killedWrite(path: string): Promise<void> {
    const module = new URL("../../dist/node/write-file.js", import.meta.url).href;
    const program = `
      import { writeFileAtomic } from ${JSON.stringify(module)};
      async function* content() {
        yield new Uint8Array(8);
        process.send("writing");
        await new Promise((resolve) => setTimeout(resolve, 1e6));
      }
      await writeFileAtomic(${JSON.stringify(path)}, content());`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    const end = ended(child);
    await new Promise((resolve) => child.on("message", resolve));
    child.kill("SIGKILL");
    await end;
  }

  test.each([["short.json"], [`${"long".repeat(50)}.json`]])(
    "of a killed write go with the next write to the same place, others stay: %s",
    async (name) => {
      const place = await mkdtemp(join(folder, "place-"));
      const path = join(place, name);
      await killedWrite(path);
      expect(await readdir(place)).toEqual([expect.stringMatching(/^\..*\.tmp$/)]);
      await writeFileAtomic(join(place, "other.json"), "{}");
      expect(await readdir(place)).toHaveLength(2);
      const [left] = (await readdir(place)).filter((each) => each.endsWith(".tmp"));
      const [stem, rest] = [left.slice(0, left.search(/[0-9a-f]{8}-\d+-/)), ".0123abcd.tmp"];
      const foreign = `${stem}00000000-1-1${rest}`; // another machine's, which may be alive
      const strange = `${stem}mine.tmp`;
      for (const each of [foreign, strange]) await writeFile(join(place, each), "");
      await writeFileAtomic(path, "new");
      expect(await readFile(path, "utf8")).toBe("new");
      expect((await readdir(place)).toSorted()).toEqual(
        [foreign, strange, "other.json", name].toSorted(),
      );
    },
  );

  test("of a write that is under way stay", async () => {
    const place = await mkdtemp(join(folder, "place-"));
    const path = join(place, "a.json");
    async function* content() {
      yield new TextEncoder().encode("first");
      await writeFileAtomic(path, "second");
    }
    await writeFileAtomic(path, content());
    expect(await readFile(path, "utf8")).toBe("first");
    expect(await readdir(place)).toEqual(["a.json"]);
  });
});
