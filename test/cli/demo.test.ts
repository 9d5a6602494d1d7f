// The demo on a folder that is there already: other settings, finished runs, damaged files.

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { weightspace } from "../support/command-line.ts";

let folder: string;
const demo = (networks: number, ...args: readonly string[]) =>
  weightspace(
    [
      ["demo", "-o", "d", "--networks", String(networks), "--models", "linear", "--seeds", "1"],
      ["--epochs", "1", "--workers", "1", ...args],
    ].flat(),
    folder,
  );
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weightspace-"));
  expect(await demo(40)).toMatchObject({ code: 0 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("other settings are refused before anything changes, and the old ones still work", async () => {
  const manifest = await readFile(join(folder, "d/zoo/zoo.json"), "utf8");
  const files = await readdir(join(folder, "d/zoo"));
  const refused = await demo(60);
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toMatch(/^error: .*holds runs with networks 40, got 60/);
  expect(await readFile(join(folder, "d/zoo/zoo.json"), "utf8")).toBe(manifest);
  expect(await readdir(join(folder, "d/zoo"))).toEqual(files);
  expect(await demo(40)).toMatchObject({ code: 0 });
});

test("settings bind nothing as long as nothing is trained", async () => {
  for (const name of await readdir(join(folder, "d/runs"))) {
    if (name !== "experiment-settings.json") await rm(join(folder, "d/runs", name));
  }
  expect(await demo(60)).toMatchObject({ code: 0 });
});
