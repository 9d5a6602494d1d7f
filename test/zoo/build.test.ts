import { beforeAll, describe, expect, test } from "vitest";
import { FormatError, OptionError } from "../../src/core/errors.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { writeSafetensors } from "../../src/formats/safetensors-write.ts";
import { toFloat32 } from "../../src/formats/safetensors-dtypes.ts";
import { specFromJSON } from "../../src/spec/json.ts";
import { digitsTask } from "../../src/tasks/digits.ts";
import { readPackageData } from "../../src/tasks/package-data.ts";
import { buildZoo } from "../../src/zoo/build.ts";
import { openZoo } from "../../src/zoo/open.ts";
import { memoryStore, type ZooStore } from "../../src/zoo/store.ts";
import { decodeTable } from "../../src/zoo/table.ts";
import { trainPopulation } from "../../src/zoo/train-population.ts";
import { build, digestsOf, filesOf, smallZoo, storeOf } from "./small-zoo.ts";

const third = "shard-00002.safetensors";
let whole: ZooStore;
let wholeFiles: Map<string, Uint8Array>;
let wholeDigests: Record<string, string>;
beforeAll(async () => {
  whole = memoryStore();
  await build(whole);
  wholeFiles = await filesOf(whole);
  wholeDigests = await digestsOf(whole);
});

const copy = () => storeOf(wholeFiles);

describe("a finished zoo", () => {
  test("consists of a manifest, shards and one table", () => {
    const shards = [0, 1, 2, 3, 4, 5].map((i) => `shard-0000${i}.safetensors`);
    expect([...wholeFiles.keys()]).toEqual(["runs.parquet", ...shards, "zoo.json"]);
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
    const task = await digitsTask(await readPackageData("uci-digits.csv.gz"));
    const indices = [43, 5, 17];
    const { readWeights, rows } = await openZoo(whole);
    const again = await trainPopulation({ ...smallZoo, task, indices });
    expect(await readWeights(indices)).toEqual(again.weights);
    expect(indices.map((index) => rows[index])).toEqual(
      again.runs.map((run) => expect.objectContaining(run)),
    );
  });

  test("has a table that any Parquet reader reads, with the same rows", async () => {
    const { rows } = await openZoo(whole);
    expect(await decodeTable(wholeFiles.get("runs.parquet")!)).toEqual(rows);
    await expect(decodeTable(Uint8Array.of(1, 2, 3))).rejects.toThrow(FormatError);
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
    expect(early.rows).toHaveLength(16);
    expect(early.problems).toEqual([]);
    const events = await build(store);
    expect(events[0]).toEqual({ type: "start", networks: 44, done: 16 });
    expect(events.at(-1)).toMatchObject({ type: "done", built: 28 });
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

describe("damage", () => {
  const cases: [string, (bytes: Uint8Array) => Uint8Array, RegExp][] = [
    ["truncated in the data", (b) => b.slice(0, -5), /has \d+ bytes, its header says/],
    ["truncated in the header", (b) => b.slice(0, 100), /claims/],
    ["empty", () => new Uint8Array(0), /at least 8 bytes/],
    ["not safetensors", (b) => b.map((byte) => byte ^ 0x55), /limit/],
    ["another shard", () => wholeFiles.get("shard-00001.safetensors")!, /networks 16 to 23/],
    [
      "of another seed",
      (b) => {
        const { tensors, metadata } = readSafetensors(b);
        return writeSafetensors(tensors, { ...metadata, seed: "12" });
      },
      /seed 12, the zoo has seed 11/,
    ],
    [
      "with rows of the wrong kind",
      (b) => {
        const { tensors, metadata } = readSafetensors(b);
        const runs = metadata["runs"].replace(/"steps":\d+/, '"steps":"many"');
        return writeSafetensors(tensors, { ...metadata, runs });
      },
      /steps "many", expected a number/,
    ],
    [
      "without a tensor",
      (b) => {
        const { tensors, metadata } = readSafetensors(b);
        const left = [...tensors].filter(([name]) => name !== "fc1.bias");
        return writeSafetensors(left, metadata);
      },
      /"fc1.bias" must be F32 \[8, 32\], got nothing/,
    ],
  ];
  test.each(cases)(
    "a shard that is %s is named; the rest can be used; building repairs it",
    async (_name, damage, message) => {
      const store = await copy();
      await store.write(third, damage(wholeFiles.get(third)!));
      const { rows, problems, readWeights } = await openZoo(store);
      expect(problems).toHaveLength(1);
      expect(problems[0]).toBeInstanceOf(FormatError);
      expect(problems[0].message).toContain(third);
      expect(problems[0].message).toMatch(message);
      expect(rows).toHaveLength(36);
      expect((await readWeights([0, 43]))["fc1.bias"].shape).toEqual([2, 32]);
      await expect(readWeights([16])).rejects.toThrow(third);
      const events = await build(store);
      expect(events[0]).toMatchObject({ type: "warning" });
      expect(await digestsOf(store)).toEqual(wholeDigests);
    },
  );

  test("a lost table or shard comes back", async () => {
    const store = await copy();
    await store.remove("runs.parquet");
    await store.remove(third);
    await build(store);
    expect(await digestsOf(store)).toEqual(wholeDigests);
  });

  test("a missing or damaged manifest is a clear error", async () => {
    await expect(openZoo(memoryStore("the shed"))).rejects.toThrow(/no zoo.json in the shed/);
    const store = await copy();
    await store.write("zoo.json", new TextEncoder().encode("{"));
    await expect(openZoo(store)).rejects.toThrow(/zoo.json in memory is not JSON/);
    await store.write("zoo.json", new TextEncoder().encode(`{"format":"weightspace/zoo@2"}`));
    await expect(openZoo(store)).rejects.toThrow(/not of format weightspace\/zoo@1/);
    await expect(openZoo(store)).rejects.toThrow(FormatError);
  });

  test("NaN weights come through with their flag", async () => {
    const { tensors, metadata } = readSafetensors(wholeFiles.get(third)!);
    const bias = tensors.get("fc1.bias")!;
    const values = toFloat32(bias);
    values[3] = NaN;
    const runs = JSON.parse(metadata["runs"]) as Record<string, unknown>[];
    runs[0]["finite"] = false;
    runs[0]["testLoss"] = NaN;
    const store = await copy();
    const changed = [...tensors].map(([name, tensor]) =>
      name === "fc1.bias"
        ? ([name, { shape: bias.shape, data: values }] as const)
        : ([name, tensor] as const),
    );
    await store.write(
      third,
      writeSafetensors(changed, { ...metadata, runs: JSON.stringify(runs) }),
    );
    const { rows, readWeights } = await openZoo(store);
    expect(rows[16]).toMatchObject({ finite: false, testLoss: NaN });
    expect((await readWeights([16]))["fc1.bias"].data[3]).toBeNaN();
  });
});
