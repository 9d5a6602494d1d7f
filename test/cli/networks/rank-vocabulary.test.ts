// `rank` on language models whose files differ in more than their numbers: added tokens, an output matrix stored twice.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Tensor } from "../../../src/core/tensors.ts";
import { toFloat32 } from "../../../src/formats/safetensors/safetensors-dtypes.ts";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { readSafetensors } from "../../../src/formats/safetensors/safetensors.ts";
import { weightspace } from "../../support/command-line.ts";

const fixture = (name: string) =>
  fileURLToPath(new URL(`../../fixtures/rank/${name}`, import.meta.url));
const config = ["--config", fixture("config.json")];
const tied = ["--config", fixture("tied-config.json")];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weightspace-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ranking {
  readonly ranked: { file: string; similarity: number; vocabularyRows?: number }[];
  readonly refused: { file: string; reason: string }[];
}

/** The ranking of fixtures and of files in the folder, by base name. */
async function rank(files: readonly string[], options: readonly string[]) {
  const paths = files.map((name) => (name.includes("/") ? name : fixture(name)));
  const { code, stdout } = await weightspace(["rank", ...paths, ...options, "--json"], folder);
  const { ranked, refused } = JSON.parse(stdout) as Ranking;
  const short = (path: string) => path.replace(/.*\//, "").replace(".safetensors", "");
  return {
    code,
    ranked: ranked.map((row) => ({ ...row, file: short(row.file) })),
    refused: refused.map((row) => ({ ...row, file: short(row.file) })),
  };
}

/** A fixture with tensors changed, or removed where the change is undefined. */
async function changed(
  name: string,
  source: string,
  change: (tensors: Record<string, Tensor>) => Record<string, Tensor | undefined>,
): Promise<string> {
  const { tensors } = readSafetensors(await readFile(fixture(source)));
  const all = Object.fromEntries(
    [...tensors].map(([key, tensor]): [string, Tensor] => [
      key,
      { shape: tensor.shape, data: toFloat32(tensor) },
    ]),
  );
  const kept = Object.entries({ ...all, ...change(all) }).flatMap(([key, tensor]) =>
    tensor === undefined ? [] : [[key, tensor] as const],
  );
  const path = join(folder, name);
  await writeFile(path, writeSafetensors(kept));
  return path;
}

const [table, head] = ["model.embed_tokens.weight", "lm_head.weight"];
const rows = ({ shape, data }: Tensor, count: number): Tensor => ({
  shape: [count, ...shape.slice(1)],
  data: data.slice(0, (count * data.length) / shape[0]),
});

test("a fine-tuned network with two added tokens stands above a stranger, whichever is the query", async () => {
  const grown = await rank(
    ["vocab-base.safetensors", "vocab-stranger.safetensors", "vocab-plus2-finetuned.safetensors"],
    config,
  );
  expect(grown).toMatchObject({
    code: 0,
    ranked: [{ file: "vocab-plus2-finetuned", vocabularyRows: 20 }, { file: "vocab-stranger" }],
    refused: [],
  });
  expect(grown.ranked[0].similarity).toBeGreaterThan(0.9);
  expect(grown.ranked[1].similarity).toBeLessThan(0.3);
  expect(grown.ranked[1]).not.toHaveProperty("vocabularyRows");
  const shrunk = await rank(
    ["vocab-plus2-finetuned.safetensors", "vocab-stranger.safetensors", "vocab-base.safetensors"],
    config,
  );
  expect(shrunk.ranked.map(({ file }) => file)).toEqual(["vocab-base", "vocab-stranger"]);
  expect(shrunk.ranked[0].similarity).toBeCloseTo(grown.ranked[0].similarity, 5);
});

test("sketches are cut where a checkpoint can be, and say so where none can", async () => {
  const base = join(folder, "base.sketch.json");
  const plus = join(folder, "plus.sketch.json");
  const sketch = (name: string, out: string) =>
    weightspace(["sketch", fixture(name), ...config, "--force", "-o", out], folder);
  expect(await sketch("vocab-base.safetensors", base)).toMatchObject({ code: 0 });
  expect(await sketch("vocab-plus2-finetuned.safetensors", plus)).toMatchObject({ code: 0 });
  const cut = await rank(["vocab-plus2-finetuned.safetensors", base], config);
  expect(cut).toMatchObject({ code: 0, ranked: [{ vocabularyRows: 20 }] });
  expect(cut.ranked[0].similarity).toBeGreaterThan(0.9);
  const from = await rank([base, "vocab-plus2-finetuned.safetensors"], []);
  expect(from.ranked[0].similarity).toBeCloseTo(cut.ranked[0].similarity, 5);
  for (const files of [
    [plus, base],
    [plus, "vocab-base.safetensors"],
    [base, plus],
  ]) {
    const { code, ranked, refused } = await rank(files, []);
    expect([code, ranked]).toEqual([1, []]);
    expect(refused[0].reason).toMatch(/vocabulary rows .* give its checkpoint/);
  }
});

test("rows are vocabulary only where all vocabulary tensors have the same number and all else fits", async () => {
  const uneven = await changed("uneven.safetensors", "vocab-base.safetensors", (all) => ({
    [table]: rows(all[table], 18),
  }));
  const narrow = await changed("narrow.safetensors", "vocab-base.safetensors", (all) => ({
    "model.layers.0.mlp.up_proj.weight": rows(all["model.layers.0.mlp.up_proj.weight"], 3),
  }));
  const fewer = await changed("fewer.safetensors", "vocab-base.safetensors", (all) => ({
    [table]: rows(all[table], 18),
    [head]: rows(all[head], 18),
  }));
  const { code, ranked, refused } = await rank(
    ["vocab-base.safetensors", uneven, narrow, fewer],
    config,
  );
  expect(code).toBe(0);
  expect(ranked).toMatchObject([{ file: "fewer", vocabularyRows: 18 }]);
  expect(ranked[0].similarity).toBeGreaterThan(0.99999);
  expect(refused.map(({ file }) => file)).toEqual(["uneven", "narrow"]);
  expect(refused[0].reason).toContain(`tensor "${table}" has shape [18, 16]`);
});

test("an output matrix that copies the token embedding is compared once, whichever file stores it", async () => {
  const [stored, bare] = ["tied-with-head.safetensors", "tied-without-head.safetensors"];
  for (const files of [
    [stored, bare],
    [bare, stored],
    [stored, stored],
  ]) {
    const { code, ranked } = await rank(files, tied);
    expect([code, ranked.length]).toEqual([0, 1]);
    expect(ranked[0].similarity).toBeGreaterThan(0.99999);
  }
  // The control: an output matrix of its own is not thrown away, so a file without one cannot be judged.
  const own = await changed("own-head.safetensors", stored, (all) => ({
    [head]: {
      shape: all[head].shape,
      data: all[head].data.map((value, i) => value + (i === 5 ? 1 : 0)),
    },
  }));
  const { code, refused } = await rank([own, bare], tied);
  expect(code).toBe(1);
  expect(refused[0].reason).toContain(`tensor "${head}" is missing`);
});

test("grouped queries: a copy with its groups swapped, a fine-tuned network and a stranger, in this order", async () => {
  const names = ["a", "stranger", "finetuned", "kv-swapped"].map((n) => `gqa-${n}.safetensors`);
  const { code, ranked } = await rank(names, ["--heads", "4", "--key-value-heads", "2"]);
  expect(code).toBe(0);
  expect(ranked.map(({ file }) => file)).toEqual([
    "gqa-kv-swapped",
    "gqa-finetuned",
    "gqa-stranger",
  ]);
  expect(ranked.map(({ similarity }) => similarity.toFixed(4))).toEqual([
    "1.0000",
    "0.9748",
    "0.0652",
  ]);
});

test("the table names what cannot be judged below the others, each on one line", async () => {
  const damaged = join(folder, "half.safetensors");
  await writeFile(damaged, (await readFile(fixture("vocab-base.safetensors"))).subarray(0, 4000));
  const files = [
    "vocab-base.safetensors",
    "gqa-a.safetensors",
    "vocab-plus2-finetuned.safetensors",
  ];
  const { code, stdout } = await weightspace(
    ["rank", ...files.map(fixture), damaged, join(folder, "none.safetensors"), ...config],
    folder,
  );
  expect(code).toBe(0);
  const lines = stdout
    .trim()
    .split("\n")
    .filter((line) => line !== "");
  expect(lines[0]).toMatch(/^candidate +similarity$/);
  expect(lines[1]).toMatch(/plus2-finetuned\.safetensors +0\.9\d+$/);
  expect(lines[2]).toMatch(/: compared on the 20 vocabulary rows that both have$/);
  expect(lines.slice(3)).toEqual([
    expect.stringMatching(/^not judged: .*gqa-a\.safetensors.*does not fit the spec/),
    expect.stringMatching(/^not judged: .*half\.safetensors: .*damaged/),
    expect.stringMatching(/^not judged: .*none\.safetensors: .*no such file/),
  ]);
});
