// Checkpoints along runs, and zoos built in parts.

import { beforeAll, describe, expect, test } from "vitest";
import { FormatError, OptionError } from "../../src/core/errors.ts";
import { zooDataset } from "../../src/zoo/zoo-dataset.ts";
import { mergeZoos } from "../../src/zoo/merge.ts";
import { openZoo } from "../../src/zoo/open.ts";
import { parseRecipe } from "../../src/zoo/recipe.ts";
import { recipeNamed, recipes } from "../../src/zoo/recipes.ts";
import { memoryStore, type ZooStore } from "../../src/core/store.ts";
import { build, digestsOf, filesOf, smallZoo, storeOf } from "./small-zoo.ts";

const recipe = parseRecipe({ ...smallZoo.recipe, batch: [8, 16], checkpoints: 3 });
const options = { recipe, networks: 20, shardSize: 4 };
let whole: ZooStore;
beforeAll(async () => {
  whole = memoryStore("whole");
  await build(whole, options);
});

describe("checkpoints", () => {
  test("every run leaves as many networks, at equal distances up to its last step", async () => {
    const { rows } = await openZoo(whole);
    expect(rows.map(({ index }) => index)).toEqual(Array.from({ length: 60 }, (_, i) => i));
    for (const { index, run, checkpoint, step, steps } of rows) {
      expect([run, checkpoint]).toEqual([Math.floor(index / 3), index % 3]);
      expect(step).toBe(Math.ceil((steps * (checkpoint + 1)) / 3));
    }
  });

  test("the last one is the network that a run without checkpoints leaves", async () => {
    const plain = memoryStore();
    await build(plain, { ...options, recipe: parseRecipe({ ...recipe, checkpoints: 1 }) });
    const [a, b] = [await openZoo(whole), await openZoo(plain)];
    const last = a.rows.filter(({ checkpoint }) => checkpoint === 2).map(({ index }) => index);
    const early = last.map((index) => index - 2);
    const weights = await b.readWeights(b.rows.map(({ index }) => index));
    expect(await a.readWeights(last)).toEqual(weights);
    expect(await a.readWeights(early)).not.toEqual(weights); // control
  });

  test("a dataset takes the last, all or some, and says which run each is of", async () => {
    const zoo = await openZoo(whole);
    const last = await zooDataset(zoo);
    expect(last.size).toBe(20);
    expect(last.groups).toEqual(Array.from({ length: 20 }, (_, i) => i));
    const all = await zooDataset(zoo, { checkpoints: "all" });
    expect(all.groups).toEqual(zoo.rows.map(({ run }) => run));
    const first = await zooDataset(zoo, { checkpoints: [0] });
    expect(first.indices).toEqual(last.indices.map((index) => index - 2));
    await expect(zooDataset(zoo, { checkpoints: [3] })).rejects.toThrow(/numbers from 0 to 2/);
  });

  test("networks of several batch sizes are the same whichever others are trained", async () => {
    const { rows } = await openZoo(whole);
    expect(new Set(rows.map(({ batch }) => batch))).toEqual(new Set([8, 16]));
    const regrouped = memoryStore();
    await build(regrouped, { ...options, shardSize: 7 });
    const other = await openZoo(regrouped);
    const indices = rows.map(({ index }) => index);
    const here = await openZoo(whole);
    expect(await other.readWeights(indices)).toEqual(await here.readWeights(indices));
  });
});

describe("parts", () => {
  const part = async (number: number) => {
    const store = memoryStore(`part ${number}`);
    await build(store, { ...options, part: { part: number, of: 3 } });
    return store;
  };
  let parts: ZooStore[];
  beforeAll(async () => {
    parts = [await part(1), await part(2), await part(3)];
  });

  test("hold every third shard each, and merge to the bytes of a build in one place", async () => {
    const sizes = await Promise.all(parts.map(async (p) => (await openZoo(p)).rows.length / 3));
    expect(sizes).toEqual([8, 8, 4]);
    const out = memoryStore();
    const { present, missing, problems } = await mergeZoos(parts, out);
    expect([present, missing, problems]).toEqual([20, [], []]);
    expect(await digestsOf(out)).toEqual(await digestsOf(whole));
  });

  test("a lost part is told of; building completes the merged zoo", async () => {
    const out = memoryStore();
    const { present, missing } = await mergeZoos([parts[2], parts[0]], out);
    expect(present).toBe(12);
    expect(missing.map(({ name }) => name)).toEqual([
      "shard-00001.safetensors",
      "shard-00004.safetensors",
    ]);
    const events = await build(out, options);
    expect(events.at(-1)).toMatchObject({ built: 8 });
    expect(await digestsOf(out)).toEqual(await digestsOf(whole));
  });

  test("merging may go on in the same place, and finished shards stay", async () => {
    const out = memoryStore();
    await mergeZoos([parts[0]], out);
    await mergeZoos([parts[1], parts[2]], out);
    expect(await digestsOf(out)).toEqual(await digestsOf(whole));
  });

  test("a tampered shard of a part is named and not taken", async () => {
    const files = await filesOf(parts[1]);
    const bytes = files.get("shard-00001.safetensors")!.slice();
    bytes[bytes.length - 9] ^= 4;
    const tampered = await storeOf(new Map(files).set("shard-00001.safetensors", bytes));
    const { present, problems } = await mergeZoos([parts[0], tampered, parts[2]], memoryStore());
    expect(present).toBe(16);
    expect(problems[0].message).toMatch(/shard-00001.*checksum/);
    const made = await mergeZoos([tampered, ...parts], memoryStore());
    expect([made.present, made.problems.length]).toEqual([20, 1]);
  });

  test("parts of different zoos are refused, and folders without a zoo", async () => {
    const other = memoryStore("the other");
    await build(other, { ...options, seed: 12, networks: 4 });
    await expect(mergeZoos([parts[0], other], memoryStore())).rejects.toThrow(
      /the other has seed 12, part 1 has 11/,
    );
    await expect(mergeZoos([memoryStore("the shed")], memoryStore())).rejects.toThrow(FormatError);
    await expect(mergeZoos([], memoryStore())).rejects.toThrow(OptionError);
    for (const wrong of [
      { part: 0, of: 3 },
      { part: 4, of: 3 },
    ])
      await expect(build(memoryStore(), { ...options, part: wrong })).rejects.toThrow(OptionError);
  });
});

describe("recipes", () => {
  test("all that come with the package are recipes, under their own names", () => {
    for (const [name, one] of Object.entries(recipes)) {
      expect(parseRecipe(one)).toEqual(one);
      expect(one.name).toBe(name);
      expect(recipeNamed(name)).toBe(one);
    }
    expect(() => recipeNamed("no-such")).toThrow(/digits-mlp.*gru-adders/);
  });
});
