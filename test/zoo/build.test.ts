import { beforeAll, describe, expect, test } from "vitest";
import { FormatError, OptionError } from "../../src/core/errors.ts";
import { readSafetensors } from "../../src/formats/safetensors/safetensors.ts";
import { specFromJSON } from "../../src/symmetry/json.ts";
import { digitsTasks } from "../../src/tasks/digits.ts";
import { readPackageData } from "../../src/node/package-data.ts";
import { buildZoo } from "../../src/node/build-zoo.ts";
import { manifestToBytes, readManifest, type ZooManifest } from "../../src/zoo/manifest.ts";
import { openZoo } from "../../src/zoo/open.ts";
import { memoryStore, type ZooStore } from "../../src/core/store.ts";
import { decodeTable } from "../../src/zoo/table.ts";
import { trainPopulation } from "../../src/zoo/training/train-population.ts";
import { build, digestsOf, filesOf, smallZoo } from "./small-zoo.ts";

let whole: ZooStore;
let wholeFiles: Map<string, Uint8Array>;
let wholeDigests: Record<string, string>;
beforeAll(async () => {
  whole = memoryStore();
  await build(whole);
  wholeFiles = await filesOf(whole);
  wholeDigests = await digestsOf(whole);
});

describe("a finished zoo", () => {
  test("consists of a manifest, shards and one table", () => {
    const shards = [0, 1, 2, 3, 4, 5].map((i) => `shard-0000${i}.safetensors`);
    expect([...wholeFiles.keys()]).toEqual(["runs.parquet", ...shards, "shards.json", "zoo.json"]);
  });

  test("opens with a row and weights for every network", async () => {
    const { manifest, rows, problems, readWeights } = await openZoo(whole);
    expect(manifest).toMatchObject({ networks: 44, seed: 11, shardSize: 8 });
    expect(problems).toEqual([]);
    expect(rows.map(({ index }) => index)).toEqual(Array.from({ length: 44 }, (_, i) => i));
    const weights = await readWeights(rows.map(({ index }) => index));
    expect(weights["fc1.weight"].shape).toEqual([44, 32, 64]);
    expect(weights["fc2.bias"].shape).toEqual([44, 10]);
  });

  test("gives the very weights and rows that training gives", async () => {
    const task = await digitsTasks.digits.create(await readPackageData("uci-digits.csv.gz"));
    const indices = [43, 5, 17];
    const { readWeights, rows } = await openZoo(whole);
    const again = await trainPopulation({ ...smallZoo, task, indices });
    expect(await readWeights(indices)).toEqual(again.weights);
    expect(indices.map((index) => rows[index])).toEqual(
      again.runs.map((run) => expect.objectContaining(run)),
    );
  });

  test("has a table that any Parquet reader reads, with the same rows", async () => {
    const { rows, manifest } = await openZoo(whole);
    const { metrics } = manifest;
    expect(await decodeTable(wholeFiles.get("runs.parquet")!, metrics)).toEqual(rows);
    await expect(decodeTable(Uint8Array.of(1, 2, 3), metrics)).rejects.toThrow(FormatError);
  });

  test("has shards that stand on their own: spec, rows, stacked tensors", () => {
    const { tensors, metadata } = readSafetensors(wholeFiles.get("shard-00005.safetensors")!);
    expect(tensors.get("fc2.weight")?.shape).toEqual([4, 10, 32]);
    expect(Object.keys(specFromJSON(JSON.parse(metadata["spec"])).tensors)).toHaveLength(4);
    expect(JSON.parse(metadata["runs"])).toHaveLength(4);
  });

  test("is not touched by building again", async () => {
    const events = await build(whole);
    expect(events.map(({ type }) => type)).toEqual(["start", "done"]);
    expect(events.at(-1)).toMatchObject({ networks: 44, built: 0 });
    expect(await digestsOf(whole)).toEqual(wholeDigests);
  });

  test("refuses indices it does not have", async () => {
    const { readWeights } = await openZoo(whole);
    for (const index of [44, -1, 0.5, NaN]) {
      await expect(readWeights([index])).rejects.toThrow(OptionError);
    }
    await expect(readWeights([44])).rejects.toThrow(/no network 44.*0 to 43/);
  });
});

describe("an interrupted build", () => {
  test("resumes to the same bytes, and keeps what was finished", async () => {
    const store = memoryStore();
    const controller = new AbortController();
    let shards = 0;
    const first = async () => {
      for await (const event of buildZoo({
        ...smallZoo,
        store,
        workers: 0,
        signal: controller.signal,
      })) {
        if (event.type === "shard" && ++shards === 2) controller.abort(new Error("stopped"));
      }
    };
    await expect(first()).rejects.toThrow("stopped");
    const early = await openZoo(store);
    const kept = early.rows.length; // a shard may have come to its end while the second was told of
    expect([16, 24]).toContain(kept);
    expect(early.problems).toEqual([]);
    const events = await build(store);
    expect(events[0]).toEqual({ type: "start", networks: 44, done: kept });
    expect(events.at(-1)).toMatchObject({ type: "done", built: 44 - kept });
    expect(await digestsOf(store)).toEqual(wholeDigests);
  });

  test("leaving the loop gives the lock back", async () => {
    const store = memoryStore();
    for await (const event of buildZoo({ ...smallZoo, store, workers: 0 })) {
      if (event.type === "shard") break;
    }
    await build(store);
    expect(await digestsOf(store)).toEqual(wholeDigests);
  });

  test("a smaller zoo grows to the same bytes as one built at once", async () => {
    const store = memoryStore();
    await build(store, { networks: 20 });
    expect((await openZoo(store)).rows).toHaveLength(20);
    await build(store);
    expect(await digestsOf(store)).toEqual(wholeDigests);
  });

  test("progress never goes back and ends with every network", async () => {
    const events = await build(memoryStore());
    const done = events.flatMap((event) => (event.type === "progress" ? [event.done] : []));
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(done.at(-1)).toBe(44);
  });
});

describe("another builder, where nobody holds a lock", () => {
  /** A build of 20 networks during which somebody else writes zoo.json. */
  async function disturbed(change: (manifest: ZooManifest) => ZooManifest) {
    const store = memoryStore("zoo");
    const messages: string[] = [];
    const options = { ...smallZoo, networks: 20, workers: 0, store };
    for await (const event of buildZoo(options)) {
      if (event.type === "warning") messages.push(event.message);
      if (event.type !== "start") continue;
      const manifest = (await readManifest(store)) as ZooManifest;
      await store.write("zoo.json", manifestToBytes(change(manifest)));
    }
    const networks = (await readManifest(store))?.networks;
    return { store, messages, networks, hasTable: (await store.list()).includes("runs.parquet") };
  }

  test("who makes the zoo larger writes its table; who said last that it is smaller is put right", async () => {
    const grown = await disturbed((manifest) => ({ ...manifest, networks: 44 }));
    expect(grown).toMatchObject({ networks: 44, hasTable: false });
    expect(grown.messages).toEqual([
      expect.stringMatching(/zoo has grown to 44 networks meanwhile/),
    ]);
    await build(grown.store);
    expect(await digestsOf(grown.store)).toEqual(wholeDigests);
    const shrunk = await disturbed((manifest) => ({ ...manifest, networks: 10 }));
    expect(shrunk).toMatchObject({ networks: 20, hasTable: true, messages: [] });
  });

  test("who begins another zoo there is noticed", async () => {
    const other = disturbed((manifest) => ({
      ...manifest,
      recipe: { ...manifest.recipe, batch: 32 },
    }));
    await expect(other).rejects.toThrow(/zoo\.json in zoo is gone, or says another zoo/);
  });
});
