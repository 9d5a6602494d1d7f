// Populations of images that do not come with the package, and of networks that start from weights learnt before them.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OptionError } from "../../src/core/errors.ts";
import { memoryStore, type ZooStore } from "../../src/core/store.ts";
import { readImageFolder } from "../../src/node/image-folder.ts";
import { buildZoo, type NodeBuildOptions } from "../../src/node/build-zoo.ts";
import type { BuildEvent } from "../../src/zoo/build.ts";
import { mergeZoos } from "../../src/zoo/merge.ts";
import { openZoo } from "../../src/zoo/open.ts";
import { parseRecipe, type Recipe } from "../../src/zoo/recipe.ts";
import { recipeNamed } from "../../src/zoo/recipes.ts";
import { writeImageFolder } from "../support/files/idx-files.ts";
import { digestsOf } from "./small-zoo.ts";

const recipeOf = (changes: Partial<Recipe> = {}): Recipe =>
  parseRecipe({
    ...recipeNamed("pictures-fashion-mnist"),
    batch: 18,
    steps: { fullChance: 1, range: [40, 40] },
    ...changes,
  });
const metaRecipe = recipeOf({
  start: "meta",
  meta: { rounds: 25, networks: 4, steps: 10, mix: 1 },
  steps: { fullChance: 1, range: [10, 10] },
});

let folder: string;
let data: Uint8Array;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "given-images-"));
  data = await readImageFolder(await writeImageFolder(join(folder, "images")));
});
afterAll(() => rm(folder, { recursive: true }));

type Options = Partial<NodeBuildOptions>;

async function build(store: ZooStore, options: Options = {}): Promise<BuildEvent[]> {
  const events: BuildEvent[] = [];
  const usual = { recipe: recipeOf(), networks: 6, seed: 3, shardSize: 2, workers: 0, data };
  for await (const event of buildZoo({ ...usual, store, ...options })) events.push(event);
  return events;
}

const medianOf = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const psnrOf = async (store: ZooStore) =>
  medianOf((await openZoo(store)).rows.map(({ metrics }) => metrics["psnr"]));

describe("images that are given", () => {
  test("are learnt one by one; threads and parts give the same bytes; the digest of the images is kept", async () => {
    const whole = memoryStore();
    await build(whole);
    const { rows, manifest } = await openZoo(whole);
    expect(rows.map(({ metrics }) => metrics["label"])).toEqual([0, 1, 2, 3, 4, 5]);
    expect(manifest.data).toMatch(/^[0-9a-f]{64}$/);
    expect(await psnrOf(whole)).toBeGreaterThan(20);
    const threads = memoryStore();
    await build(threads, { workers: 2 });
    expect(await digestsOf(threads)).toEqual(await digestsOf(whole));
    const [first, second, joined] = [memoryStore(), memoryStore(), memoryStore()];
    await build(first, { part: { part: 1, of: 2 } });
    await build(second, { part: { part: 2, of: 2 } });
    expect((await mergeZoos([first, second], joined)).missing).toEqual([]);
    expect(await digestsOf(joined)).toEqual(await digestsOf(whole));
  });

  test("must be given, and must be the same when a build goes on", async () => {
    const store = memoryStore();
    const nothing = buildZoo({ recipe: recipeOf(), networks: 6, seed: 3, store, workers: 0 });
    await expect(nothing.next()).rejects.toThrow(/give the folder with the four/);
    await build(store, { networks: 2 });
    const other = await readImageFolder(
      await writeImageFolder(join(folder, "other"), { change: 1 }),
    );
    await expect(build(store, { data: other })).rejects.toThrow(OptionError);
    await expect(build(store, { data: other })).rejects.toThrow(/holds a zoo with data of digest/);
    await build(store); // control: the same images go on
    expect((await openZoo(store)).rows).toHaveLength(6);
    const parts = memoryStore("parts");
    const events = async (images: Uint8Array) => {
      const list = await build(memoryStore(), { data: images, parts, skipParts: true });
      return list.at(-1);
    };
    await events(data);
    expect(await events(data)).toMatchObject({ built: 0, skipped: 6 });
    expect(await events(other)).toMatchObject({ built: 6, skipped: 0 });
  });

  test("a folder without all four files is refused by the file that is missing", async () => {
    await expect(readImageFolder(join(folder, "none"))).rejects.toThrow(
      /there is no train-images-idx3-ubyte or train-images-idx3-ubyte.gz in/,
    );
  });
});

describe("a start that is learnt", () => {
  let meta: ZooStore;
  beforeAll(async () => {
    meta = memoryStore();
    await build(meta, { recipe: metaRecipe });
  });

  test("lets networks come further in a few steps than a random start that all have in common", async () => {
    const shared = memoryStore();
    await build(shared, { recipe: recipeOf({ start: "shared", steps: metaRecipe.steps }) });
    expect(await psnrOf(meta)).toBeGreaterThan((await psnrOf(shared)) + 2);
  });

  test("is the same after a stop, in parts, and when its file is gone; another one is refused", async () => {
    const stopped = memoryStore();
    const controller = new AbortController();
    const first = async () => {
      const usual = { recipe: metaRecipe, networks: 6, seed: 3, shardSize: 2, workers: 0, data };
      const { signal } = controller;
      for await (const event of buildZoo({ ...usual, store: stopped, signal }))
        if (event.type === "learning" && event.round === 22) controller.abort(new Error("stopped"));
    };
    await expect(first()).rejects.toThrow("stopped");
    const again = await build(stopped, { recipe: metaRecipe });
    expect(again.find(({ type }) => type === "learning")).toMatchObject({ round: 20, rounds: 25 });
    expect(await digestsOf(stopped)).toEqual(await digestsOf(meta));
    const [one, two, joined] = [memoryStore(), memoryStore(), memoryStore()];
    await build(one, { recipe: metaRecipe, part: { part: 1, of: 2 } });
    await build(two, { recipe: metaRecipe, part: { part: 2, of: 2 } });
    await mergeZoos([one, two], joined);
    const withoutStart = (files: Record<string, string>) =>
      Object.entries(files).filter(([name]) => name !== "start.safetensors");
    expect(withoutStart(await digestsOf(joined))).toEqual(withoutStart(await digestsOf(meta)));
    await joined.write("start.safetensors", (await one.read("start.safetensors"))!.slice(0, -4));
    await expect(build(joined, { recipe: metaRecipe })).rejects.toThrow(/start.safetensors/);
    await joined.remove("start.safetensors");
    await build(joined, { recipe: metaRecipe, networks: 8 });
    expect((await openZoo(joined)).rows).toHaveLength(8);
    const otherStart = memoryStore();
    const other = { ...metaRecipe, meta: { ...metaRecipe.meta!, rounds: 24 } };
    await build(otherStart, { recipe: other });
    await joined.write("start.safetensors", (await otherStart.read("start.safetensors"))!);
    await expect(build(joined, { recipe: metaRecipe, networks: 8 })).rejects.toThrow(
      /was learnt for another recipe, seed or data/,
    );
  });

  test("belongs to recipes that say how it is learnt", () => {
    expect(() => parseRecipe({ ...metaRecipe, meta: undefined })).toThrow(/"meta" says how/);
    expect(() => parseRecipe({ ...metaRecipe, start: "shared" })).toThrow(
      /got it with "start": "shared"/,
    );
  });
});
