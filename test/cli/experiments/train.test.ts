// Trainings that are interrupted and continued on the command line.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { weightspace } from "../../support/command-line.ts";

let folder: string;
const run = (...args: string[]) => weightspace(args, folder);
const build = (seed: string, name: string) =>
  run("zoo", "build", "--networks", "40", "--seed", seed, "--workers", "1", "-o", name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weightspace-"));
  expect(await build("0", "zoo")).toMatchObject({ code: 0 });
  expect(await build("1", "other")).toMatchObject({ code: 0 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a training to continue", () => {
  const train = (...args: string[]) =>
    run("train", "--functional", "stat-nn", "--epochs", "2", "-o", "r.safetensors", ...args);
  beforeAll(async () => {
    await writeFile(join(folder, "head.json"), JSON.stringify({ head: [8, 1] }));
    expect(await train("--zoo", "zoo", "--options", "head.json")).toMatchObject({ code: 0 });
  });

  test.each([
    [
      "other weights",
      ["--zoo", "other", "--options", "head.json"],
      /weights and targets "[0-9a-f]{16}", got "[0-9a-f]{16}"/,
    ],
    ["no options", ["--zoo", "zoo"], /options \{"head":\[8,1\]\}, got \{\}/],
    ["another model", ["--zoo", "zoo", "--functional", "linear"], /model "stat-nn", got "linear"/],
  ])("is refused with %s", async (_, args, message) => {
    const before = await readFile(join(folder, "r.safetensors"));
    const { code, stdout, stderr } = await train(...args, "--resume");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^error: train: r\.safetensors was trained with /);
    expect(stderr).toMatch(message);
    expect(await readFile(join(folder, "r.safetensors"))).toEqual(before);
  });

  test("goes on with the same", async () => {
    const { code } = await train("--zoo", "zoo", "--options", "head.json", "--resume");
    expect(code).toBe(0);
  });

  test("says after Ctrl-C how to go on, and neither predicts nor calls it done", async () => {
    const bin = fileURLToPath(new URL("../../../bin/weightspace.js", import.meta.url));
    const args = ["train", "--zoo", "zoo", "--epochs", "100000", "-o", "stopped.safetensors"];
    const child = spawn(process.execPath, [bin, ...args], { cwd: folder });
    let [output, errors] = ["", ""];
    child.stdout.on("data", (text: Buffer) => (output += text.toString()));
    child.stderr.on("data", (text: Buffer) => (errors += text.toString()));
    const ended = new Promise((resolve) => child.on("close", resolve));
    const checkpoint = join(folder, "stopped.safetensors");
    while (!existsSync(checkpoint) && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect(output).toBe("");
    expect(errors).toMatch(/interrupted; run the same command with --resume to continue\n$/);
    expect(errors).not.toMatch(/done in|100 %/);
  });
});
