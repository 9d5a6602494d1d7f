// The demo on a folder that is there already: other settings, finished runs, damaged files.

import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { weightspace } from "../../support/command-line.ts";

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

test("finished runs are counted, not trained: no progress, and one seed is one seed", async () => {
  const { code, stdout, stderr } = await demo(40);
  expect(code).toBe(0);
  expect(stderr).toBe(
    "40 of 40 networks are there already\n1 of 1 training runs are there already\n",
  );
  expect(stdout).toContain("over 1 seed,");
});

test("damaged files of runs are named, removed and made anew", async () => {
  const runs = join(folder, "d/runs");
  const result = await readFile(join(runs, "linear-0.json"), "utf8");
  const { predicted, moved } = JSON.parse(result) as Record<string, unknown>;
  for (const text of [result.slice(0, 100), "{}"]) {
    await writeFile(join(runs, "linear-0.json"), text);
    await truncate(join(runs, "linear-0.safetensors"), 1000);
    const { code, stderr } = await demo(40);
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: linear-0\.json in .*runs is damaged; its run is trained anew/);
    expect(stderr).toMatch(/warning: linear-0\.safetensors in .*runs is damaged/);
    const again = JSON.parse(await readFile(join(runs, "linear-0.json"), "utf8")) as object;
    expect(again).toMatchObject({ predicted, moved });
  }
});

test("settings bind nothing as long as nothing is trained", async () => {
  for (const name of await readdir(join(folder, "d/runs"))) {
    if (name !== "experiment-settings.json") await rm(join(folder, "d/runs", name));
  }
  expect(await demo(60)).toMatchObject({ code: 0 });
});

test("--backend runs the layers, stands in the command that repeats the result, and is a setting of the runs", async () => {
  const layers = ["--models", "nfn-np,linear"];
  const chosen = await demo(60, "-o", "e", "--json", ...layers, "--backend", "engine");
  const plain = await demo(60, "-o", "k", "--json", ...layers);
  const [engine, kernels] = [chosen, plain].map(({ stdout }) => JSON.parse(stdout));
  expect(engine.command).toMatch(/ --backend engine$/);
  expect(kernels.command).not.toContain("--backend");
  for (const [i, row] of engine.rows.entries())
    expect(row.r2Mean).toBeCloseTo(kernels.rows[i].r2Mean, 3);
  const settings = JSON.parse(
    await readFile(join(folder, "e/runs/experiment-settings.json"), "utf8"),
  ) as { models: { name: string; options: object }[] };
  expect(settings.models).toMatchObject([
    { name: "nfn-np", options: { backend: "engine" } },
    { name: "linear", options: {} },
  ]);
  const other = await demo(60, "-o", "e", ...layers, "--backend", "reference");
  expect(other).toMatchObject({ code: 1 });
  expect(other.stderr).toMatch(/holds runs with models/);
});
