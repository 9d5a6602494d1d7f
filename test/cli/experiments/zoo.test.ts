// `zoo` on the command line: recipes, parts and merging.

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { weightspace } from "../../support/command-line.ts";
import { smallZoo } from "../../zoo/small-zoo.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weightspace-zoo-"));
  await writeFile(join(folder, "small.json"), JSON.stringify(smallZoo.recipe));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (...args: string[]) => weightspace(args, folder);
const small = "zoo build --recipe small.json --networks 10 --shard-size 4 --workers 1 --json -o";
const buildSmall = (out: string, ...more: string[]) => run(...small.split(" "), out, ...more);

test("recipes are listed by name, whole with --json", async () => {
  const { stdout } = await run("zoo", "recipes");
  for (const name of ["digits-mlp", "digits-cnn", "digits-transformer", "gru-adders"])
    expect(stdout).toContain(name);
  const { recipes } = JSON.parse((await run("zoo", "recipes", "--json")).stdout) as {
    recipes: Record<string, { checkpoints: number }>;
  };
  expect(recipes["gru-adders"]).toMatchObject({ task: "adders", checkpoints: 4 });
});

test("parts merge to the files of a whole build; a tampered shard is named and built anew", async () => {
  expect(JSON.parse((await buildSmall("whole")).stdout)).toMatchObject({ built: 10 });
  expect(JSON.parse((await buildSmall("one", "--shard", "1/2")).stdout)).toMatchObject({
    built: 6,
  });
  expect(JSON.parse((await buildSmall("two", "--shard", "2/2")).stdout)).toMatchObject({
    built: 4,
  });
  const merged = await run("zoo", "merge", "one", "two", "-o", "merged", "--json");
  expect(JSON.parse(merged.stdout)).toMatchObject({ present: 10, missing: [], problems: [] });
  const bytes = async (zoo: string) => {
    const names = (await readdir(join(folder, zoo))).sort();
    return Promise.all(names.map(async (n) => [n, await readFile(join(folder, zoo, n), "hex")]));
  };
  const whole = await bytes("whole");
  expect(await bytes("merged")).toEqual(whole);

  const shard = join(folder, "merged", "shard-00001.safetensors");
  const changed = await readFile(shard);
  changed[changed.length - 2] ^= 8;
  await writeFile(shard, changed);
  const info = await run("zoo", "info", "merged", "--json");
  expect(JSON.parse(info.stdout)).toMatchObject({
    readable: 6,
    problems: [expect.stringMatching(/shard-00001.*checksum/)],
  });
  expect(JSON.parse((await buildSmall("merged")).stdout)).toMatchObject({ built: 4 });
  expect(await bytes("merged")).toEqual(whole);
}, 60_000);

test("misuse is told before any work", async () => {
  for (const [args, message] of [
    [["--shard", "3/2"], "a part such as 2/3"],
    [["--shard", "2"], "a part such as 2/3"],
    [["--recipe", "no-such"], "there is no recipe"],
  ] as const) {
    const { code, stderr } = await run("zoo", "build", "-o", "none", ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  }
  expect(await readdir(folder)).not.toContain("none");
  const lost = await run("zoo", "merge", "nowhere", "-o", "none");
  expect(lost.stderr).toContain("there is no zoo.json in nowhere");
});
